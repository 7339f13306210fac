import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PurgeExpiredResult } from '../../src/index.ts';
import { bundle, type Program } from '../support/bundle.ts';
import { type Service, startService } from '../support/service.ts';
import { deletedLongAgo, entriesOfLongAgo, logIds } from './expired-rows.ts';
import type { PurgingOrders } from './processes/purging.ts';

let service: Service;
let folder: string;
let program: Program;
const children = new Set<ChildProcess>();

beforeAll(async () => {
	service = await startService();
	folder = await mkdtemp(join(tmpdir(), 'purge-'));
	program = await bundle('test/retention/processes/purging.ts');
});
afterAll(async () => {
	for (const child of children) child.kill('SIGKILL');
	await program.remove();
	await service.stop();
	await rm(folder, { recursive: true });
});

async function start(): Promise<ChildProcess> {
	const child = fork(program.file);
	children.add(child);
	child.once('exit', () => children.delete(child));
	await once(child, 'message');
	return child;
}

/** In which part of a purge it is killed, after how many steps of that, and how many milliseconds behind. */
const kills = [
	['destinations', 1, 0],
	['destinations', 1, 3],
	['export', 2, 0],
	['export', 1, 3],
	['log', 1, 0],
	['log', 20, 1],
	['export', 1, 0],
	['log', 30, 2],
] as const;

interface Message {
	readonly result?: PurgeExpiredResult;
	readonly error?: string;
}

/** Has a process purge; returns what it answered, or nothing if it was killed. */
async function purge(orders: PurgingOrders): Promise<Message | undefined> {
	const child = await start();
	let answer: Message | undefined;
	child.on('message', (message: Message) => {
		answer = message;
	});
	const exited = once(child, 'exit');
	child.send(orders);
	await exited;
	return answer;
}

test('a purge that is killed at any moment removes each row once, and none that is not in the file', async () => {
	const deleted = await deletedLongAgo(service, 40);
	const old = await entriesOfLongAgo(service, 4_000);
	const others = (await logIds(service)).filter((id) => Number(id) < Number(old[0]));
	const exportTo = join(folder, 'audit.jsonl');
	const orders = {
		connectionString: service.logins.serviceConnectionString,
		exportTo,
		batchSize: 10,
	};
	for (const [part, step, behind] of kills) {
		expect(await purge({ ...orders, kill: { part, step, behind } })).toBeUndefined();
	}
	expect(await purge(orders)).toMatchObject({ result: { failed: 0, stopped: false } });

	const { rows } = await service.admin.query('SELECT id FROM destinations WHERE id = ANY ($1)', [
		deleted,
	]);
	expect(rows).toEqual([]);
	const left = new Set(await logIds(service));
	expect(old.filter((id) => left.has(id))).toEqual([]);
	expect(others.filter((id) => !left.has(id))).toEqual([]);
	const lines = (await readFile(exportTo, 'utf8')).trimEnd().split('\n');
	const exported = lines.map((line): string => JSON.parse(line).id);
	expect(new Set(exported).size).toBe(exported.length);
	const known = new Set(exported);
	expect([...old, ...others].filter((id) => !known.has(id))).toEqual([]);
	// Each removal is on record, exactly.
	const { rows: records } = await service.admin.query<{ removed: number }>(
		`SELECT sum((changes #>> '{entries,old}')::integer)::integer AS removed
		   FROM destination_audit_log WHERE action = 'log_pruned'`,
	);
	expect(records).toEqual([{ removed: old.length }]);
	const purged = await service.admin.query(
		`SELECT FROM destination_audit_log WHERE action = 'purged' AND destination_id = ANY ($1)`,
		[deleted],
	);
	expect(purged.rowCount).toBe(deleted.length);
});
