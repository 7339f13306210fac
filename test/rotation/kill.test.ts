import { type ChildProcess, fork } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { insertSealedRows, settingsJson } from '../../bench/sealed-rows.ts';
import { createDestinationsClient, rotateKeys, verifySettings } from '../../src/index.ts';
import { bundle, type Program } from '../support/bundle.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import type { Expected, Row, WritingOrders } from './processes/writing.ts';
import { newKey } from './sealed-service.ts';

const rowCount = 20_000;
const kills = 30;
const writers = 2;
/** Rows that writers change, and organizations that they create destinations in; the rest stays as it is. */
const writtenRows = 600;
const emptyOrganizations = 400;

let database: TestDatabase;
let admin: Client;
const children = new Set<ChildProcess>();
let programs: Record<'rotating' | 'writing', Program>;

beforeAll(async () => {
	programs = {
		rotating: await bundle('test/rotation/processes/rotating.ts'),
		writing: await bundle('test/rotation/processes/writing.ts'),
	};
	database = await createTestDatabase();
	admin = new Client({ connectionString: database.connectionString });
	await admin.connect();
});
afterAll(async () => {
	for (const child of children) child.kill('SIGKILL');
	for (const program of Object.values(programs)) await program.remove();
	await admin.end();
	await database.drop();
});

/** A process of test/rotation/processes, once it is ready for its orders. */
async function start(name: 'rotating' | 'writing'): Promise<ChildProcess> {
	const child = fork(programs[name].file);
	children.add(child);
	child.once('exit', () => children.delete(child));
	await once(child, 'message');
	return child;
}

async function writeUntilStopped(
	orders: WritingOrders,
): Promise<() => Promise<Record<string, Expected>>> {
	const child = await start('writing');
	const ended = once(child, 'message');
	child.send(orders);
	return async () => {
		child.send('stop');
		const [message] = await ended;
		if (message.expected === undefined) throw new Error(`a writer failed: ${message.error}`);
		return message.expected;
	};
}

/** Kills a rotation after a random time. Gives false where it had ended before, as it may. */
async function killAtRandom(child: ChildProcess, keys: string, withinMs: number): Promise<boolean> {
	const exited = once(child, 'exit');
	child.send({ connectionString: database.connectionString, keys });
	await delay(randomInt(30, Math.round(withinMs)));
	child.kill('SIGKILL');
	const [, signal] = await exited;
	return signal === 'SIGKILL';
}

async function countByKey(): Promise<Record<string, number>> {
	const { rows } = await admin.query(
		`SELECT settings ->> 'kid' AS kid, count(*)::integer AS count FROM destinations GROUP BY 1`,
	);
	return Object.fromEntries(rows.map(({ kid, count }) => [kid, count]));
}

test('30 rotations killed at random moments, beside users who write, lose nothing', async () => {
	const bytes = { k0: newKey(), k1: newKey(), k2: newKey() };
	const ring = (...ids: (keyof typeof bytes)[]) => ids.map((id) => `${id}:${bytes[id]}`).join();
	await insertSealedRows(admin, {
		count: rowCount,
		key: Buffer.from(bytes.k0, 'hex'),
		keyId: 'k0',
		types: ['posthog'],
	});
	const { rows } = await admin.query<Row>(
		`SELECT id, organization_id AS "organizationId" FROM destinations ORDER BY random() LIMIT $1`,
		[writtenRows],
	);
	const { rows: empty } = await admin.query<{ id: string }>(
		'INSERT INTO organizations SELECT FROM generate_series(1, $1) RETURNING id',
		[emptyOrganizations],
	);
	const share = <T>(all: readonly T[], writer: number) =>
		all.filter((_, index) => index % writers === writer);
	const stops = await Promise.all(
		Array.from({ length: writers }, (_, writer) =>
			writeUntilStopped({
				connectionString: database.connectionString,
				keys: ring('k1', 'k0', 'k2'),
				rows: share(rows, writer),
				organizations: share(empty, writer).map(({ id }) => id),
			}),
		),
	);

	// A rotation that was done before it was killed makes room for one to the other key.
	let target: 'k1' | 'k2' = 'k1';
	let killed = 0;
	let halfway = 0;
	// How long a rotation takes depends on what else the machine does, so the time to kill it in is learned.
	let withinMs = 250;
	let next = start('rotating');
	while (killed < kills) {
		const child = await next;
		next = start('rotating');
		if (await killAtRandom(child, ring(target, 'k0', target === 'k1' ? 'k2' : 'k1'), withinMs)) {
			killed += 1;
			const { [target]: done = 0, ...others } = await countByKey();
			if (done <= 1000) withinMs = Math.min(withinMs * 1.5, 5000);
			else if (Object.values(others).some((count) => count > 1000)) halfway += 1;
		} else {
			withinMs = Math.max(withinMs / 1.5, 250);
			target = target === 'k1' ? 'k2' : 'k1';
		}
	}
	(await next).kill('SIGKILL');
	const expected: Record<string, Expected> = Object.assign(
		{},
		...(await Promise.all(stops.map((stop) => stop()))),
	);
	expect(halfway).toBeGreaterThan(5);

	const { connectionString } = database;
	const last = await rotateKeys({ connectionString, keys: ring('k2', 'k1', 'k0') });
	expect(last).toMatchObject({ failed: 0, busy: 0 });

	const keys = ring('k2');
	const verified = await verifySettings({ connectionString, keys });
	expect(verified).toMatchObject({ failed: 0, plaintext: 0, empty: 0 });
	expect(verified.keys).toEqual({ k2: verified.checked });
	expect(verified.checked).toBeGreaterThan(rowCount);

	await using db = createDestinationsClient({ connectionString, keys });
	const { apiKey: original } = JSON.parse(settingsJson);
	const wrong: string[] = [];
	let found = 0;
	for (const deleted of [false, true]) {
		const { destination } = db.asService().prisma;
		const stored = await (deleted ? destination.onlyDeleted() : destination).findMany({
			select: { id: true, settings: true, organizationId: true, type: true },
		});
		found += stored.length;
		for (const { id, settings } of stored) {
			const { apiKey = original, deleted: wasDeleted } = expected[id] ?? { deleted: false };
			const read = 'apiKey' in settings ? settings.apiKey : undefined;
			if (read !== apiKey || deleted !== wasDeleted) wrong.push(id);
		}
	}
	expect(wrong).toEqual([]);
	const created = Object.keys(expected).filter((id) => !rows.some((row) => row.id === id));
	expect(created.length).toBeGreaterThan(0);
	expect(found).toBe(rowCount + created.length);
});
