import {
	type DestinationsClient,
	rotateKeys,
	type ScopedTransaction,
	verifySettings,
} from '../../src/index.ts';
import { SealedService } from '../rotation/sealed-service.ts';
import { Deployment, type Tenant } from './deployment.ts';

// Whatever settings change how Postgres reads and writes values as text, every road reads and writes the same.

let deployment: Deployment;
let service: DestinationsClient;
let a: Tenant;
let expected: unknown;
let database: string;
let login: string;

/** None of them is what this package's sessions have. */
const foreign: Readonly<Record<string, string>> = {
	DateStyle: 'SQL, DMY',
	TimeZone: 'Asia/Tokyo',
	IntervalStyle: 'sql_standard',
	bytea_output: 'escape',
	extra_float_digits: '-15',
	xmlbinary: 'hex',
	array_nulls: 'off',
	standard_conforming_strings: 'off',
	client_encoding: 'LATIN1',
};

const tested = '2026-11-05 03:04:05.678901+00';

beforeAll(async () => {
	deployment = await Deployment.open();
	service = deployment.open();
	a = await deployment.newTenant(service);
	await a.client.destinations.update(a.own.id, {
		name: 'Über uns – “東京”',
		description: 'a \\ b',
		requiredConsent: ['measurement', 'marketing'],
	});
	await deployment.rows(
		`UPDATE destinations SET last_tested_at = '${tested}', connection_status = 'failed' WHERE id = $1`,
		[a.own.id],
	);
	database = new URL(deployment.url).pathname.slice(1);
	login = new URL(deployment.url).username;
	expected = await readByEveryRoad(a.client);
	expect(expected).toMatchObject({
		byRepository: { lastTestedAt: new Date('2026-11-05T03:04:05.678Z'), name: 'Über uns – “東京”' },
		byPrisma: [{ lastTestedAt: new Date('2026-11-05T03:04:05.678Z') }],
		values: [{ double: 0.1 + 0.2, list: ['a', 'NULL', null] }],
	});
});

afterAll(() => deployment.close());

/** Every column of every table, by every road there is. */
async function readByEveryRoad({ destinations, audit, prisma }: ScopedTransaction) {
	return {
		byRepository: await destinations.findById(a.own.id),
		byPage: await destinations.list(),
		byPrisma: await prisma.destination.findMany({ include: { organization: true } }),
		withDeleted: await prisma.destination.withDeleted().findMany({ orderBy: { id: 'asc' } }),
		entries: await audit.list(),
		entriesByPrisma: await prisma.destinationAuditEntry.findMany({ orderBy: { id: 'asc' } }),
		versions: await prisma.destinationSettingsVersion.findMany({ orderBy: { version: 'asc' } }),
		history: await destinations.history(a.own.id),
		values: await prisma.$queryRaw`
			SELECT last_tested_at, last_tested_at::date AS day, last_tested_at::timestamp AS local,
				last_tested_at::time AS time, last_tested_at::text AS text, to_jsonb(last_tested_at) AS json,
				array[last_tested_at] AS times, '\\x00ff41'::bytea AS bytes, '\\x00ff41'::bytea::text AS hex, 0.1::float8 + 0.2::float8 AS double,
				0.1::float4 AS single, 1.10::numeric AS numeric, 12345678901234567890123::numeric AS large,
				9007199254740993::bigint AS bigint, true AS flag, id, settings, required_consent,
				'{a,"NULL",NULL}'::text[] AS list, make_interval(1, 2, 0, 3, 4, 5, 6.7)::text AS interval,
				xmlelement(name x, '\\x00ff'::bytea)::text AS xml, name, description
			  FROM destinations WHERE id = ${a.own.id}::uuid`,
	};
}

/** Every type that is written, by every road, as Postgres then has it. */
async function writeByEveryRoad({ destinations, prisma }: ScopedTransaction): Promise<void> {
	const at = new Date('2026-11-05T03:04:05.678Z');
	const names = { name: 'Straße – “東京”', description: 'c \\ d' };
	await destinations.update(a.own.id, { ...names, requiredConsent: ['experience'] });
	const byRepository = await prisma.destination.findUniqueOrThrow({ where: { id: a.own.id } });
	expect(byRepository).toMatchObject({ ...names, requiredConsent: ['experience'] });
	await prisma.destination.update({
		where: { id: a.own.id },
		data: { name: 'Ærø', lastTestedAt: at, requiredConsent: { set: ['measurement', 'marketing'] } },
	});
	await prisma.$executeRaw`UPDATE destinations SET last_error = ${'½'} WHERE last_tested_at = ${at}`;
	const where = { id: a.own.id, lastTestedAt: { gte: at, lt: new Date(at.getTime() + 1) } };
	expect(await prisma.destination.count({ where })).toBe(1);
	const [row] = await prisma.$queryRaw<object[]>`
		SELECT encode(convert_to(name, 'UTF8'), 'hex') AS name, last_error,
			extract(epoch FROM last_tested_at)::text AS tested, required_consent
		  FROM destinations WHERE id = ${a.own.id}::uuid`;
	expect(row).toEqual({
		name: Buffer.from('Ærø').toString('hex'),
		last_error: '½',
		tested: '1793847845.678000',
		required_consent: ['measurement', 'marketing'],
	});
}

class RolledBack extends Error {}

async function expectSame(scope: DestinationsClient): Promise<void> {
	const client = scope.forOrganization(a.id, { actorId: a.actorId });
	expect(await readByEveryRoad(client)).toEqual(expected);
	const written = client.transaction(async (tx) => {
		await writeByEveryRoad(tx);
		throw new RolledBack();
	});
	await expect(written).rejects.toThrow(RolledBack);
}

const settings = Object.entries(foreign);

describe.each([true, false])('with namedStatements: %s', (namedStatements) => {
	test('that the database sets', async () => {
		for (const [name, value] of settings) {
			await deployment.rows(`ALTER DATABASE ${database} SET ${name} = ${quoted(value)}`);
		}
		await expectSame(deployment.open({ namedStatements }));
		for (const [name] of settings) {
			await deployment.rows(`ALTER DATABASE ${database} RESET ${name}`);
		}
	});

	test('that the login sets', async () => {
		for (const [name, value] of settings) {
			await deployment.rows(`ALTER ROLE ${login} SET ${name} = ${quoted(value)}`);
		}
		await expectSame(deployment.open({ namedStatements }));
		await deployment.rows(`ALTER ROLE ${login} RESET ALL`);
	});

	const options = settings
		.map(([name, value]) => `-c ${name}=${value.replace(' ', '\\ ')}`)
		.join(' ');

	test('that the URL sets', async () => {
		const url = new URL(deployment.url);
		url.searchParams.set('options', options);
		url.searchParams.set('client_encoding', 'LATIN1');
		await expectSame(deployment.open({ connectionString: url.href, namedStatements }));
	});

	test('that the options of the pool set', async () => {
		await expectSame(deployment.open({ pool: { options }, namedStatements }));
	});

	test('that PGOPTIONS sets', async () => {
		process.env.PGOPTIONS = options;
		try {
			const db = deployment.open({ namedStatements });
			await db.connect();
			await expectSame(db);
		} finally {
			delete process.env.PGOPTIONS;
		}
	});

	test.each(settings)('that raw SQL sets in the same transaction: %s', async (name, value) => {
		const client = deployment
			.open({ namedStatements })
			.forOrganization(a.id, { actorId: a.actorId });
		const ended = client.transaction(async (tx) => {
			await tx.prisma.$executeRawUnsafe(`SET ${name} = ${quoted(value)}`);
			expect(await readByEveryRoad(tx)).toEqual(expected);
			await tx.prisma.$executeRawUnsafe(`SET LOCAL ${name} = ${quoted(value)}`);
			await writeByEveryRoad(tx);
			throw new RolledBack();
		});
		await expect(ended).rejects.toThrow(RolledBack);
	});
});

function quoted(value: string): string {
	return `'${value}'`;
}

test('keys are rotated and settings verified whatever the database sets', async () => {
	const sealed = await SealedService.open();
	const { live } = await sealed.fill();
	const own = new URL(sealed.connectionString).pathname.slice(1);
	const { rows: before } = await sealed.service.admin.query(
		'SELECT * FROM destinations WHERE id = $1',
		[live],
	);
	for (const [name, value] of settings) {
		await sealed.service.admin.query(`ALTER DATABASE ${own} SET ${name} = ${quoted(value)}`);
	}
	const { connectionString } = sealed;
	const keys = sealed.ring;
	expect(await rotateKeys({ connectionString, keys })).toMatchObject({ rotated: 4, failed: 0 });
	expect(await verifySettings({ connectionString, keys })).toMatchObject({
		keys: { new: 4 },
		failed: 0,
	});
	const { rows: after } = await sealed.service.admin.query(
		'SELECT * FROM destinations WHERE id = $1',
		[live],
	);
	expect(after).toEqual([{ ...before[0], settings: expect.anything() }]);
	await sealed.close();
});
