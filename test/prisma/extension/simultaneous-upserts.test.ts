import { randomUUID } from 'node:crypto';
import { inspect } from 'node:util';
import { createDestinationsClient } from '../../../src/index.ts';
import {
	ExtendedDatabase,
	errorOf,
	type LooseClient,
	loose,
	posthogSettings,
	run,
} from '../../support/extended-client.ts';

// Prisma upserts one row in one statement, so that of many calls at once each is answered.

let db: ExtendedDatabase;
let service: ReturnType<typeof createDestinationsClient>;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
	service = createDestinationsClient({ connectionString: db.connectionString, keys: db.keys });
});

afterAll(async () => {
	await service.close();
	await db.close();
});

/** Time for all of them to take turns on the connections. */
const patient = { maxWait: 120_000, timeout: 120_000 };

/**
 * Of rows that are inserted at the very same time, Postgres may find the conflict by the index of organization,
 * type and environment first, for which `ON CONFLICT ("id")` does not stand in (2 of 6000, without the extension
 * as well). A transaction that it fails is for its caller to repeat.
 */
async function repeated<Result>(transaction: () => Promise<Result>): Promise<Result> {
	try {
		return await transaction();
	} catch (error) {
		if (!inspect(error, { depth: 8 }).includes('destinations_org_type_env_unique')) throw error;
		return transaction();
	}
}

type Upsert = (client: LooseClient) => PromiseLike<unknown>;
type Road = (upsert: Upsert, organizationId: string) => PromiseLike<unknown>;

function scopeOf(organizationId: string) {
	return service.forOrganization(organizationId).prisma;
}

const roads: [string, Road][] = [
	['an own client', (upsert) => upsert(loose(db.prisma))],
	['a scope', (upsert, organizationId) => upsert(loose(scopeOf(organizationId)))],
	['the scope of the service', (upsert) => upsert(loose(service.asService().prisma))],
	[
		'a transaction of an own client',
		(upsert) => repeated(() => db.prisma.$transaction(async (tx) => upsert(loose(tx)), patient)),
	],
	[
		'a transaction of a scope',
		(upsert, organizationId) =>
			repeated(() =>
				scopeOf(organizationId).$transaction(async (tx) => upsert(loose(tx)), patient),
			),
	],
	[
		'a batch of an own client',
		async (upsert) => (await db.prisma.$transaction([upsert(loose(db.prisma)) as never]))[0],
	],
	[
		'a batch of a scope',
		async (upsert, organizationId) => {
			const scope = scopeOf(organizationId);
			return (
				await repeated(() => scope.$transaction([upsert(loose(scope)) as never], patient))
			)[0];
		},
	],
];

/** As the database has them: the row, what the log says of it, and its earlier settings. */
async function recordOf(id: string) {
	const log = await db.sql<{ action: string; version: number }>(
		'SELECT action, version FROM destination_audit_log WHERE destination_id = $1 ORDER BY id',
		[id],
	);
	const history = await db.sql<{ version: number }>(
		'SELECT version FROM destination_settings_history WHERE destination_id = $1 ORDER BY version',
		[id],
	);
	const logged = log.map(({ action, version }) => `${action} ${version}`);
	return { ...(await db.stored(id)), logged, kept: history.map(({ version }) => version) };
}

const count = (length: number) => Array.from({ length }, (_, index) => index + 1);

describe.each(roads)('by %s', (_, by) => {
	it.each([8, 50])('%i at once with the same settings make one row and no change', async (many) => {
		const [id, organizationId] = [randomUUID(), await db.newOrganization()];
		const settings = posthogSettings();
		const data = { name: 'same', settings };
		const create = { ...data, id, organizationId, type: 'posthog' };
		const results = await Promise.all(
			count(many).map(() =>
				by(
					(client) => run(client, 'destination', 'upsert', { where: { id }, create, update: data }),
					organizationId,
				),
			),
		);
		for (const result of results) expect(result).toMatchObject({ id, settings, version: 1 });
		expect(await recordOf(id)).toMatchObject({ version: 1, logged: ['created 1'] });
	});

	it.each([8, 50])('%i at once with other settings each are recorded', async (many) => {
		const [id, organizationId] = [randomUUID(), await db.newOrganization()];
		const given = count(many).map(() => posthogSettings());
		const results = await Promise.all(
			given.map((settings) => {
				const data = { name: 'other', settings };
				const create = { ...data, id, organizationId, type: 'posthog' };
				return by(
					(client) => run(client, 'destination', 'upsert', { where: { id }, create, update: data }),
					organizationId,
				);
			}),
		);
		results.forEach((result, index) => {
			expect(result).toMatchObject({ id, settings: given[index] });
		});
		const record = await recordOf(id);
		expect(record.version).toBe(many);
		expect(record.logged).toEqual([
			'created 1',
			...count(many)
				.slice(1)
				.map((version) => `updated ${version}`),
		]);
		expect(record.kept).toEqual(count(many - 1));
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(given).toContainEqual(read.settings);
		expect(await db.prisma.destination.count({ where: { organizationId } })).toBe(1);
	});

	it.each([8, 50])('%i at once without settings make one row', async (many) => {
		const [id, organizationId] = [randomUUID(), await db.newOrganization()];
		const settings = posthogSettings();
		const create = { id, organizationId, type: 'posthog', name: '0', settings };
		const results = await Promise.all(
			count(many).map((index) =>
				by(
					(client) =>
						run(client, 'destination', 'upsert', {
							where: { id },
							create,
							update: { name: String(index) },
						}),
					organizationId,
				),
			),
		);
		for (const result of results) expect(result).toMatchObject({ id, settings });
		expect((await recordOf(id)).version).toBe(many);
	});
});

it.each([
	['alone', (upsert: Upsert) => repeated(async () => upsert(loose(db.base)))],
	[
		'in transactions',
		(upsert: Upsert) =>
			repeated(() => db.base.$transaction(async (tx) => upsert(loose(tx)), patient)),
	],
])('Prisma without the extension does the same, %s', async (_, by) => {
	const [id, organizationId] = [randomUUID(), await db.newOrganization()];
	const create = { id, organizationId, type: 'posthog', name: 'bare', settingsEncrypted: false };
	await Promise.all(
		count(8).map((index) =>
			by((client) =>
				run(client, 'destination', 'upsert', {
					where: { id },
					create,
					update: { name: String(index) },
				}),
			),
		),
	);
	expect((await db.stored(id)).version).toBe(8);
});

it.each([
	['nothing to update', {}, {}],
	['a relation to read', { name: 'read' }, { include: { organization: true } }],
])('8 at once with %s are answered, outside of transactions', async (_, update, more) => {
	const [id, organizationId] = [randomUUID(), await db.newOrganization()];
	const settings = posthogSettings();
	const create = { id, organizationId, type: 'posthog', name: 'new', settings };
	const results = await Promise.all(
		count(8).map(() => db.prisma.destination.upsert({ where: { id }, create, update, ...more })),
	);
	for (const result of results) expect(result).toMatchObject({ id, settings });
	expect(await db.prisma.destination.count({ where: { organizationId } })).toBe(1);
});

/** An own client in which a row appears after the look-up of an upsert, before it is sent. */
function lateClient(appear: () => Promise<unknown>) {
	let appeared: Promise<unknown> | undefined;
	return db.prisma.$extends({
		query: {
			destination: {
				async upsert({ args, query }) {
					appeared ??= appear();
					await appeared;
					return query(args);
				},
			},
		},
	});
}

it.each(['posthog', 'console'])(
	'updates a row of the type %s that appears meanwhile, in a transaction that goes on',
	async (type) => {
		const [id, organizationId] = [randomUUID(), await db.newOrganization()];
		const before = type === 'posthog' ? posthogSettings() : { logLevel: 'warn' };
		const row = { id, organizationId, type, settings: before };
		const settings = type === 'posthog' ? posthogSettings() : { logLevel: 'info' };
		const client = lateClient(() => db.newDestination(row));
		const create = { ...row, name: 'late' };
		const [, updated] = await client.$transaction(async (tx) =>
			Promise.all([
				tx.destination.create({
					data: { ...create, id: randomUUID(), environment: 'development' },
				}),
				tx.destination.upsert({ where: { id }, create, update: { settings } }),
				tx.destination.create({ data: { ...create, id: randomUUID(), environment: 'staging' } }),
			]),
		);
		expect(updated).toMatchObject({ settings, version: 2 });
		const rows = await db.prisma.destination.findMany({ where: { organizationId } });
		expect(rows.map(({ environment }) => environment).sort()).toEqual([
			'development',
			'production',
			'staging',
		]);
	},
);

it('keeps the conflict with another destination of the organization, type and environment', async () => {
	const { id: other, organizationId } = await db.newDestination();
	const id = randomUUID();
	const settings = posthogSettings();
	const create = { id, organizationId, type: 'posthog', name: 'second', settings };
	const update = { settings: posthogSettings() };
	const args = { where: { id }, create, update };
	for (const [_, by] of roads) {
		const upsert: Upsert = (client) => run(client, 'destination', 'upsert', args);
		expect((await errorOf(async () => by(upsert, organizationId))).code).toBe('P2002');
	}
	expect((await recordOf(other)).logged).toEqual(['created 1']);
});

it('takes one statement beside the look-up, in and outside of transactions', async () => {
	const settings = posthogSettings();
	const [id, organizationId] = [randomUUID(), await db.newOrganization()];
	const create = { id, organizationId, type: 'posthog', name: 'new', settings };
	const where = { id };
	const named = { where, create, update: { name: 'updated' } };
	const set = { where, create, update: { settings: posthogSettings() } };
	const isOne = /^INSERT .* ON CONFLICT /;
	for (const args of [set, set, named]) {
		const sent = await db.statementsOf(() => run(db.prisma, 'destination', 'upsert', args));
		const lookUps = args === named ? 0 : 1;
		expect(sent).toHaveLength(lookUps + 1);
		expect(sent[lookUps]).toMatch(isOne);
		const sentWithin = await db.statementsOf(() =>
			db.prisma.$transaction(async (tx) => run(tx, 'destination', 'upsert', args)),
		);
		expect(sentWithin.filter((text) => !/^(BEGIN|COMMIT)/.test(text))).toHaveLength(lookUps + 1);
	}
});
