import {
	createDestinationsClient,
	type DestinationsClient,
	rotateKeys,
	verifySettings,
} from '../../src/index.ts';
import { type Service, startService } from '../support/service.ts';
import {
	type Call,
	type Crowd,
	callersOf,
	clientCalls,
	openCrowd,
	publicCalls,
	reads,
	writes,
} from './bounded-calls.ts';
import { costOf } from './cost.ts';

// Whatever there is, a call sends a few statements, has Postgres read little, and receives what it returns.

let service: Service;
let crowd: Crowd;
/** On one connection, whose statistics can be had at once. */
let one: DestinationsClient;
const opened: DestinationsClient[] = [];

/** A client whose only connection plans as it is told. */
function clientPlanning(mode: string): DestinationsClient {
	const { connectionString, keys } = service;
	const pool = { max: 1, options: `-c plan_cache_mode=${mode}` };
	const client = createDestinationsClient({ connectionString, keys, pool });
	opened.push(client);
	return client;
}

beforeAll(async () => {
	service = await startService();
	crowd = await openCrowd(service);
	await service.db.close();
	// A session that ends tells what it read, which would be taken for what a call reads.
	const others = `FROM pg_stat_activity WHERE datname = current_database()
		AND backend_type = 'client backend' AND pid <> pg_backend_pid()`;
	while ((await service.admin.query(`SELECT ${others}`)).rowCount !== 0);
	await service.admin.query('SELECT pg_stat_force_next_flush()');
	one = clientPlanning('auto');
	await one.connect();
}, 60_000);

afterAll(async () => {
	await Promise.all(opened.map((client) => client.close()));
	await service.stop();
});

const nobody = '00000000-0000-0000-0000-000000000000';

/** How many rows of tables and entries of indexes all sessions have read, once that of a client has told. */
async function rowsRead(client: DestinationsClient): Promise<number> {
	// A session tells what it read after a second, or when it is asked to; one that ends tells it then.
	await client.asService().prisma.$queryRaw`SELECT pg_stat_force_next_flush()::text`;
	// The only connection is cleaned behind raw SQL. What follows from that is not to be taken for what the next call does.
	await client.asService().destinations.findById(nobody);
	const { rows } = await service.admin.query<{ rows: string }>(
		`SELECT (SELECT sum(seq_tup_read) FROM pg_stat_user_tables)
		      + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes) AS rows`,
	);
	return Number(rows[0]?.rows);
}

async function expectBounded(
	client: DestinationsClient,
	{ run, statements = 6, kilobytes = 32, rows = 600 }: Call,
	times = 1,
): Promise<void> {
	const callers = callersOf(client, crowd);
	const before = await rowsRead(client);
	const cost = await costOf(async () => {
		for (let time = 0; time < times; time += 1) await run(callers);
	});
	expect(cost.statements).toBeLessThanOrEqual(times * statements);
	expect(cost.kilobytes).toBeLessThanOrEqual(times * kilobytes);
	expect(cost.blockedMs).toBeLessThan(300);
	expect(((await rowsRead(client)) - before) / times).toBeLessThan(rows);
}

test('every public call is among them', () => {
	const scope = one.asService();
	expect(Object.keys(scope).sort()).toEqual(['audit', 'destinations', 'prisma', 'transaction']);
	const swept = { ...reads, ...writes, ...clientCalls };
	expect(publicCalls(scope).filter((name) => swept[name] === undefined)).toEqual([]);
	expect(publicCalls(scope).length).toBeGreaterThan(25);
});

describe('a read beside 5,000 versions, tests and deleted siblings', () => {
	test.each(Object.entries(reads))('%s', (_, call) => expectBounded(one, call));
});

// Of a statement that it runs often, Postgres may make one plan for all values; a server may always.
describe.each(['auto', 'force_generic_plan'])('the twentieth time, by %s', (mode) => {
	let client: DestinationsClient;

	beforeAll(() => {
		client = clientPlanning(mode);
	});

	test.each(Object.entries(reads))('%s', (_, call) => expectBounded(client, call, 20));
});

describe('a write beside 5,000 versions, tests and deleted siblings', () => {
	test.each(Object.entries(writes))('%s', (_, call) => expectBounded(one, call));

	// A page of settings at a time, each with its own transaction.
	test.each(Object.entries({ rotateKeys, verifySettings }))('%s', async (_, work) => {
		const { connectionString, keys } = service;
		const cost = await costOf(() => work({ connectionString, keys, batchSize: 1000 }));
		expect(cost.statements).toBeLessThanOrEqual(120);
		expect(cost.kilobytes).toBeLessThanOrEqual(1000);
	});
});

test.each(Object.entries(clientCalls))('%s', async (_, call) => {
	const { connectionString, keys } = service;
	const client = createDestinationsClient({ connectionString, keys, pool: { max: 1 } });
	opened.push(client);
	const cost = await costOf(() => call.run(callersOf(client, crowd)));
	expect(cost.statements).toBeLessThanOrEqual(call.statements ?? 6);
});
