import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { Actors } from '../../bench/indexes/actors.ts';
import { type Filled, fill } from '../../bench/indexes/fill.ts';
import { operations } from '../../bench/indexes/operations.ts';
import { PlanTap } from '../../bench/indexes/plan-tap.ts';
import { accessOf } from '../../bench/indexes/plans.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const key = { id: 'test', bytes: randomBytes(32) };
/** Few enough to be filled in seconds, and enough for reading all of them to be the slower way. */
const rows = 40_000;
let database: TestDatabase;
let filled: Filled;

beforeAll(async () => {
	database = await createTestDatabase();
	filled = await fill(database.connectionString, rows, key);
});

afterAll(() => database.drop());

/**
 * What the client, the repository, a rotation send, with the plans that Postgres ran it by: under row level
 * security, and with what triggers and cascades did. A prepared statement gets plans of both kinds.
 */
describe.each(['force_custom_plan', 'force_generic_plan'])('%s', (mode) => {
	let tap: PlanTap;
	let actors: Actors;

	beforeAll(async () => {
		tap = await PlanTap.open(database.connectionString, { plan_cache_mode: mode });
		actors = new Actors(tap.connectionString, filled, key);
	});

	afterAll(async () => {
		await actors[Symbol.asyncDispose]();
		await tap[Symbol.asyncDispose]();
	});

	const counted = operations.filter(({ customOnly }) => mode.includes('custom') || !customOnly);

	test.each(counted)('$name', async ({ run, by, ordered, readsWhole }) => {
		const access = accessOf(await tap.during(() => run(actors)));
		expect(access.indexes).not.toEqual([]);
		expect(access.indexes.filter((name) => !by.includes(name))).toEqual([]);
		if (readsWhole === undefined) expect(access.readWhole).toEqual([]);
		if (ordered) expect(access.sorts).toBe(false);
	});
});

test('every index is meant for something', async () => {
	const client = new Client({ connectionString: database.connectionString });
	await client.connect();
	const { rows: indexes } = await client.query<{ name: string }>(
		`SELECT indexrelid::regclass::text AS name FROM pg_index
		  WHERE indrelid::regclass::text ~ '^destination(s$|_)' ORDER BY 1`,
	);
	await client.end();
	const meant = new Set(operations.flatMap(({ by }) => by));
	expect(indexes.map(({ name }) => name).filter((name) => !meant.has(name))).toEqual([
		// What it is for is that a rotation is logged once.
		'destination_audit_log_rotation_run_unique',
		// Summaries of page ranges by age, for whoever wants to look at what is due.
		'idx_destination_settings_history_replaced_at',
	]);
});
