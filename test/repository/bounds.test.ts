import type { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Client } from 'pg';
import type { ScopedTransaction } from '../../src/client/open-scope.ts';
import {
	DestinationsClient,
	rotateKeys,
	type ScopedClient,
	verifySettings,
} from '../../src/index.ts';
import { destinationMethods } from '../../src/prisma/extension/destination-methods.ts';
import { AuditLog } from '../../src/repository/audit/audit-log.ts';
import { DestinationRepository } from '../../src/repository/repository.ts';
import { metaPixel } from '../support/destinations.ts';
import { destinationOfManyVersions } from '../support/many-versions.ts';
import { type Service, startService } from '../support/service.ts';

// Whatever there is, a call sends a few statements and receives what it returns.

let service: Service;
let organizationId: string;
let id: string;
let consoleId: string;
/** Of entries that are older than all others. */
const oldId = '0193a1b2-0000-7000-8000-0000000000a1';
/** The id of an entry with thousands of its organization's before and behind it. */
let middleId: string;
let other: Awaited<ReturnType<typeof destinationOfManyVersions>>;
let acme: ScopedClient;
let system: ScopedClient;

beforeAll(async () => {
	service = await startService({ pool: { max: 4 } });
	({ organizationId, id } = await destinationOfManyVersions(service));
	other = await destinationOfManyVersions(service);
	acme = service.db.forOrganization(organizationId);
	system = service.db.asService();
	({ id: consoleId } = await acme.destinations.create({
		...metaPixel(organizationId),
		type: 'console',
		settings: {},
	}));
	const { admin } = service;
	await admin.query('SET session_replication_role = replica');
	await admin.query(
		`INSERT INTO destination_audit_log (id, organization_id, destination_id, version, action, role, login, transaction_id)
		 OVERRIDING SYSTEM VALUE
		 SELECT -n, $1, $2, n, 'updated', 'authenticated', 'x', 1 FROM generate_series(1, 3) AS n`,
		[organizationId, oldId],
	);
	await admin.query('RESET session_replication_role');
	const { rows } = await admin.query<{ id: string }>(
		`SELECT id FROM destination_audit_log WHERE organization_id = $1 ORDER BY id OFFSET 5000 LIMIT 1`,
		[organizationId],
	);
	middleId = rows[0]?.id ?? '';
}, 60_000);

afterAll(() => service.stop());

interface Call {
	readonly run: () => Promise<unknown>;
	/** @defaultValue 6 */
	readonly statements?: number;
	/** Kilobytes from the database. @defaultValue 32 */
	readonly kilobytes?: number;
}

async function take(lines: AsyncGenerator<string>, wanted: number): Promise<void> {
	for (let taken = 0; taken < wanted; taken += 1) await lines.next();
	await lines.return(undefined);
}

const page = { take: 5 };

/** In this order: what changes the destination comes behind what reads it. */
const calls: Record<string, Call> = {
	'destinations.findById': { run: () => acme.destinations.findById(id) },
	'destinations.findByOrganization': {
		run: () => acme.destinations.findByOrganization(organizationId),
	},
	'destinations.findByType': { run: () => acme.destinations.findByType('posthog') },
	'destinations.list': { run: () => acme.destinations.list({ limit: 5 }) },
	'destinations.history': { run: () => acme.destinations.history(id) },
	'audit.list': { run: () => acme.audit.list() },
	'audit.export': { run: () => take(acme.audit.export(), 5), kilobytes: 300 },
	'destinations.testConnection': { run: () => acme.destinations.testConnection(consoleId) },
	'destinations.testConnectionOutcome': {
		run: () => acme.destinations.testConnectionOutcome(consoleId),
	},
	'destinations.testSettings': {
		run: () => acme.destinations.testSettings('console', {}),
		statements: 0,
	},
	'prisma.withDeleted': { run: () => acme.prisma.destination.withDeleted().findMany(page) },
	'prisma.onlyDeleted': { run: () => acme.prisma.destination.onlyDeleted().findMany(page) },
	'destinations.create': { run: () => acme.destinations.create(metaPixel(organizationId)) },
	'destinations.update': { run: () => acme.destinations.update(id, { enabled: false }) },
	'destinations.patchSettings': {
		run: () => acme.destinations.patchSettings(id, { enableClientSide: true }),
	},
	'destinations.revert': { run: () => acme.destinations.revert(id, 1) },
	'destinations.softDelete': { run: () => acme.destinations.softDelete(id) },
	'destinations.restore': { run: () => acme.destinations.restore(id) },
	'prisma.delete': { run: () => acme.prisma.destination.delete({ where: { id } }) },
	'prisma.restore': { run: () => acme.prisma.destination.restore({ where: { id } }) },
	'prisma.deleteMany': { run: () => acme.prisma.destination.deleteMany({ where: { id } }) },
	'prisma.purge': { run: () => system.prisma.destination.purge({ where: { id: other.id } }) },
	'destinations.purge': { run: () => system.destinations.purge(id) },
	// Those whose work is all of it, in batches: a few statements each, of which nothing but numbers comes back.
	'destinations.pruneSettingsHistory': {
		run: () => system.destinations.pruneSettingsHistory({ keep: 3, batch: 1000 }),
		statements: 60,
	},
	'destinations.purgeDeleted': {
		run: () => system.destinations.purgeDeleted({ olderThan: new Date('2021-01-01'), batch: 5000 }),
	},
	// A page of settings at a time, each with its own transaction.
	rotateKeys: { run: () => maintain(rotateKeys), statements: 120, kilobytes: 200 },
	verifySettings: { run: () => maintain(verifySettings), statements: 120, kilobytes: 200 },
};

function maintain(work: typeof verifySettings | typeof rotateKeys): Promise<unknown> {
	return work({ connectionString: service.connectionString, keys: service.keys, batchSize: 1000 });
}

/** What a call sends to the database, and receives. */
async function costOf(run: () => Promise<unknown>) {
	const sockets = new Map<Socket, number>();
	let statements = 0;
	const query = Client.prototype.query as (...args: unknown[]) => unknown;
	const counting = jest.spyOn(Client.prototype, 'query').mockImplementation(function (
		this: Client & { connection?: { stream: Socket } },
		...args: unknown[]
	) {
		statements += 1;
		const stream = this.connection?.stream;
		if (stream !== undefined && !sockets.has(stream)) sockets.set(stream, stream.bytesRead);
		return query.apply(this, args);
	});
	try {
		await run();
	} finally {
		counting.mockRestore();
	}
	const bytes = [...sockets].reduce((sum, [socket, before]) => sum + socket.bytesRead - before, 0);
	return { statements, kilobytes: bytes / 1000 };
}

/** How many rows and entries of indexes the connection has read, as far as Postgres has not put it aside yet. */
async function rowsRead({ prisma }: ScopedTransaction): Promise<number> {
	const counted = await prisma.$queryRaw<{ rows: number }[]>`
		SELECT sum(pg_stat_get_xact_tuples_returned(oid))::integer AS rows FROM pg_class
		 WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i')`;
	return counted[0]?.rows ?? Number.NaN;
}

describe('Postgres reads as little as it returns', () => {
	const reads: Record<string, (tx: ScopedTransaction) => Promise<unknown>> = {
		findById: (tx) => tx.destinations.findById(id),
		findByOrganization: (tx) => tx.destinations.findByOrganization(organizationId),
		findByType: (tx) => tx.destinations.findByType('posthog'),
		list: (tx) => tx.destinations.list({ limit: 5 }),
		history: (tx) => tx.destinations.history(id),
		'history, next page': (tx) => tx.destinations.history(id, { cursor: '2500' }),
		'audit.list': (tx) => tx.audit.list(),
		'audit.list, next page': (tx) => tx.audit.list({ cursor: middleId }),
		'audit.list of a destination of thousands': (tx) => tx.audit.list({ destinationId: id }),
		'audit.list of a destination of a few': (tx) => tx.audit.list({ destinationId: oldId }),
		'audit.export': (tx) => take(tx.audit.export(), 5),
		'audit.export, from the midst on': (tx) => take(tx.audit.export({ after: middleId }), 5),
		'audit.export of a destination of a few': (tx) =>
			take(tx.audit.export({ destinationId: oldId }), 5),
		'audit.list of a foreign organization': (tx) =>
			tx.audit.list({ organizationId: other.organizationId }),
		update: (tx) => tx.destinations.update(id, { name: 'x' }),
		'revert to the first': (tx) => tx.destinations.revert(id, 1),
		'revert to one in the midst': (tx) => tx.destinations.revert(id, 2501),
		'softDelete and restore': async (tx) => {
			await tx.destinations.softDelete(id);
			await tx.destinations.restore(id);
		},
	};

	/** Of an organization and of a destination, whose entries are older than thousands of others'. */
	const ofService: Record<string, (tx: ScopedTransaction) => Promise<unknown>> = {
		'audit.list': (tx) => tx.audit.list(),
		'audit.list of an organization': (tx) => tx.audit.list({ organizationId }),
		'audit.list of a destination': (tx) => tx.audit.list({ destinationId: id }),
		'audit.list of a destination of a few': (tx) => tx.audit.list({ destinationId: oldId }),
		'audit.export': (tx) => take(tx.audit.export(), 5),
		'audit.export of an organization': (tx) => take(tx.audit.export({ organizationId }), 5),
		'audit.export of a destination': (tx) => take(tx.audit.export({ destinationId: id }), 5),
	};

	const all = [
		...Object.entries(reads).map(([name, run]) => ['an organization', name, run] as const),
		...Object.entries(ofService).map(([name, run]) => ['the service', name, run] as const),
	];

	test.each(all)('%s: %s', async (of, _, run) => {
		let rows: number | undefined;
		const enough = new Error('rolled back');
		const scope = of === 'the service' ? system : acme;
		const work = scope.transaction(async (tx) => {
			const before = await rowsRead(tx);
			await run(tx);
			rows = (await rowsRead(tx)) - before;
			throw enough;
		});
		await expect(work).rejects.toBe(enough);
		expect(rows).toBeLessThan(600);
	});
});

// Of a statement that it runs often, Postgres may make one plan for all values.
test('the twentieth page of the log takes no more than the first', async () => {
	const pages = {
		'audit.list': ({ audit }: ScopedClient) => audit.list(),
		'audit.list of a destination': ({ audit }: ScopedClient) => audit.list({ destinationId: id }),
		'audit.export': ({ audit }: ScopedClient) => take(audit.export(), 5),
		'audit.export of a destination': ({ audit }: ScopedClient) =>
			take(audit.export({ destinationId: id }), 5),
	};
	const { admin, connectionString, keys } = service;
	const read = async () => {
		const { rows } = await admin.query<{ rows: string }>(
			`SELECT sum(idx_tup_read) AS rows FROM pg_stat_user_indexes`,
		);
		return Number(rows[0]?.rows);
	};
	// What was read before is told some seconds later, by each session when it likes: here and now, or it would be taken
	// for what a page reads.
	const others = `FROM pg_stat_activity WHERE datname = current_database()
		AND backend_type = 'client backend' AND pid <> pg_backend_pid()`;
	await admin.query(`SELECT pg_terminate_backend(pid) ${others}`);
	while ((await admin.query(`SELECT ${others}`)).rowCount !== 0);
	await admin.query('SELECT pg_stat_force_next_flush()');
	for (const [name, run] of Object.entries(pages)) {
		const before = await read();
		const application_name = `bounds: ${name}`;
		const db = new DestinationsClient({
			connectionString,
			keys,
			pool: { max: 1, application_name },
		});
		const scope = db.forOrganization(organizationId);
		for (let time = 0; time < 20; time += 1) await run(scope);
		await db.close();
		// A process of Postgres tells what it read at the latest when it ends.
		const running = 'SELECT FROM pg_stat_activity WHERE application_name = $1';
		while ((await admin.query(running, [application_name])).rowCount !== 0);
		const rows = (await read()) - before;
		expect({ name, rows: rows > 20 && rows < 20 * 600 ? 'few' : rows }).toEqual({
			name,
			rows: 'few',
		});
	}
});

test('a thousand callers at once cost no more than each by itself, those of one test as much as one', async () => {
	const concurrent = ['findById', 'findByOrganization', 'list', 'testConnection', 'testSettings'];
	for (const name of concurrent) {
		const call = calls[`destinations.${name}`];
		const run = () => call?.run() ?? Promise.reject(new Error(name));
		await run();
		const alone = await costOf(run);
		const heap = heapUsed();
		const together = await costOf(() => Promise.all(Array.from({ length: 1000 }, run)));
		expect(together.statements).toBeLessThanOrEqual(
			name === 'testConnection' ? 2 * alone.statements : 1000 * alone.statements,
		);
		expect(heapUsed() - heap).toBeLessThan(30e6);
	}
});

/** Bytes that are in use, garbage left out. */
function heapUsed(): number {
	setFlagsFromString('--expose-gc');
	runInNewContext('gc')();
	return process.memoryUsage().heapUsed;
}

describe('one call beside 5,000 versions, tests and deleted siblings', () => {
	test.each(Object.entries(calls))('%s', async (_, { run, statements = 6, kilobytes = 32 }) => {
		const cost = await costOf(run);
		expect(cost.statements).toBeLessThanOrEqual(statements);
		expect(cost.kilobytes).toBeLessThanOrEqual(kilobytes);
	});
});

test('every public call is among them', () => {
	const methodsOf = (prototype: object): string[] =>
		prototype === Object.prototype
			? []
			: [...Object.getOwnPropertyNames(prototype), ...methodsOf(Object.getPrototypeOf(prototype))];
	const all = [
		...methodsOf(DestinationRepository.prototype).map((name) => `destinations.${name}`),
		...methodsOf(AuditLog.prototype).map((name) => `audit.${name}`),
		...Object.keys(destinationMethods).map((name) => `prisma.${name}`),
	].filter((name) => !name.endsWith('.constructor'));
	expect(all.filter((name) => calls[name] === undefined)).toEqual([]);
	expect(Object.keys(acme).sort()).toEqual(['audit', 'destinations', 'prisma', 'transaction']);
	// These send what the calls above do, or nothing.
	expect(methodsOf(DestinationsClient.prototype).sort()).toEqual([
		...['asService', 'close', 'connect', 'constructor', 'forOrganization'],
	]);
	expect(all.length).toBeGreaterThan(20);
});
