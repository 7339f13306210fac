import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { startTestDatabase } from '../../src/testing/index.ts';
import { bundle, type Program } from '../support/bundle.ts';
import { testServer } from '../support/database.ts';
import { folderInMemory } from '../support/temporary-folder.ts';
import { rowsOf } from './rows.ts';

const children = new Set<ChildProcess>();
/** Where the processes of this file keep their data directories. */
let folder: string;
let program: Program;
beforeAll(async () => {
	program = await bundle('test/testing/processes/starting.ts');
	// As root, Postgres runs as another user, who has to get in.
	folder = await folderInMemory('destinations-ends-');
});
afterAll(async () => {
	for (const child of children) child.kill('SIGKILL');
	await until(async () => (await directories()).length === 0);
	await rm(folder, { recursive: true });
	await program.remove();
});

/** Data directories in the folder, where other things lie too. */
async function directories(): Promise<string[]> {
	return (await readdir(folder)).filter((name) => name.startsWith('destinations-server-'));
}

/** A process that started a test database, and what it said. */
async function start(
	argument: 'forget' | 'wait',
	environment: NodeJS.ProcessEnv = {},
): Promise<{ child: ChildProcess; said: string }> {
	const child = spawn(process.execPath, [program.file, argument], {
		env: { ...process.env, TMPDIR: folder, TEST_POSTGRES: 'embedded', ...environment },
		stdio: ['ignore', 'pipe', 'inherit'],
		detached: true,
	});
	children.add(child);
	child.once('exit', () => children.delete(child));
	for await (const said of createInterface({ input: child.stdout })) return { child, said };
	throw new Error('the process said nothing');
}

async function until(condition: () => Promise<boolean>): Promise<void> {
	const deadline = Date.now() + 240_000;
	while (!(await condition())) {
		if (Date.now() > deadline) throw new Error('it did not come about within four minutes');
		await delay(50);
	}
}

async function answers(connectionString: string): Promise<boolean> {
	const client = new Client({ connectionString });
	// A server that stops says so to whoever is connected.
	client.on('error', () => {});
	try {
		await client.connect();
		await client.end();
		return true;
	} catch {
		return false;
	}
}

const isGone = (connectionString: string) => async () =>
	!(await answers(connectionString)) && (await directories()).length === 0;

/** The data directory of the only server, with the process ids of its supervisor and of Postgres. */
async function onlyServer() {
	let servers: { name: string; pidFile: string }[] = [];
	// One that was killed at its start may only now go away. Where Postgres's user cannot reach the programs, there is a
	// directory with a copy of them too.
	await until(async () => {
		const files = (await directories()).map(async (name) => {
			const path = join(folder, name, 'data', 'postmaster.pid');
			return { name, pidFile: await readFile(path, 'utf8').catch(() => '') };
		});
		servers = (await Promise.all(files)).filter(({ pidFile }) => pidFile !== '');
		return servers.length === 1;
	});
	const { name = '', pidFile = '' } = servers[0] ?? {};
	return {
		name,
		supervisor: Number(/-(\d+)-\w{6}$/.exec(name)?.[1]),
		postgres: Number.parseInt(pidFile, 10),
	};
}

test.each([
	['is killed', (child: ChildProcess) => child.kill('SIGKILL')],
	// To the whole group, as a terminal does.
	['is interrupted by Ctrl-C', ({ pid = 0 }: ChildProcess) => process.kill(-pid, 'SIGINT')],
	['and its group are killed', ({ pid = 0 }: ChildProcess) => process.kill(-pid, 'SIGKILL')],
])('the server stops when the process that started it %s', async (_, end) => {
	const { child, said } = await start('wait');
	expect(await answers(said)).toBe(true);
	end(child);
	await until(isGone(said));
});

test('a process that forgets to stop the server comes to its end, and so does the server', async () => {
	const { child, said } = await start('forget');
	const [code] = child.exitCode === null ? await once(child, 'exit') : [child.exitCode];
	expect(code).toBe(0);
	await until(isGone(said));
});

test('a process killed at the very start leaves nothing', async () => {
	const starting = start('wait');
	await until(async () => (await directories()).length > 0);
	for (const child of children) child.kill('SIGKILL');
	await expect(starting).rejects.toThrow('said nothing');
	await until(async () => (await directories()).length === 0);
});

test('what a killed supervisor left, the next start removes', async () => {
	const first = await start('wait');
	const { name, supervisor, postgres } = await onlyServer();
	// A parent that does not collect its dead child leaves it a zombie, as a container's first process may for seconds.
	first.child.kill('SIGSTOP');
	process.kill(supervisor, 'SIGKILL');
	const second = await start('wait');
	await until(async () => !(await directories()).includes(name));
	expect(await answers(second.said)).toBe(true);
	// It would notice itself within a minute.
	process.kill(postgres, 'SIGKILL');
	first.child.kill('SIGKILL');
	second.child.kill('SIGKILL');
	await until(isGone(second.said));
});

test('on a server that is there, the next start drops what a killed process left', async () => {
	const { connectionString: server, template } = testServer();
	const bystander = `destinations_test_${randomBytes(4).toString('hex')}x`;
	await rowsOf(server, `CREATE ROLE ${bystander}`);
	const { child, said } = await start('wait', { TEST_POSTGRES: server });
	const [, prefix = ''] = /(destinations_test_[0-9a-f]{8})_/.exec(said) ?? [];
	const left = () =>
		rowsOf<{ name: string }>(
			server,
			`SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)
			 UNION ALL SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)`,
			[prefix],
		);
	const startAndStop = async () => (await startTestDatabase({ source: server })).stop();
	try {
		await startAndStop();
		expect(await left()).toHaveLength(5);
		child.kill('SIGKILL');
		await once(child, 'exit');
		await until(async () => {
			await startAndStop();
			return (await left()).length === 0;
		});
		expect(
			await rowsOf(server, 'SELECT FROM pg_database WHERE datname = $1', [template]),
		).toHaveLength(1);
		expect(
			await rowsOf(server, 'SELECT FROM pg_roles WHERE rolname = $1', [bystander]),
		).toHaveLength(1);
	} finally {
		await rowsOf(server, `DROP ROLE ${bystander}`);
	}
});

test('the next start removes what a program left that was killed, and nothing of one that runs', async () => {
	// The one that runs these tests, which is no supervisor.
	const running = join(
		folder,
		`destinations-server-${hostname()}-${basename(process.argv[1] ?? '')}-${process.pid}-abcdef`,
	);
	const killed = join(folder, `destinations-server-${hostname()}-index.ts-4194305-abcdef`);
	for (const directory of [running, killed]) await mkdir(directory);
	try {
		const { child } = await start('wait');
		const left = await directories();
		expect(left).toContain(basename(running));
		expect(left).not.toContain(basename(killed));
		child.kill('SIGKILL');
	} finally {
		await rm(running, { recursive: true });
	}
});
