import { fork } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { adopt } from '../../src/adoption/adopt.ts';
import { bundle, type Program } from '../support/bundle.ts';
import { FormerDatabase } from './former-table.ts';
import { adoptedWell, rowsOf } from './state.ts';

/** Rows of a page: few, so that there are many pages. */
const batchSize = 10;

const opened: FormerDatabase[] = [];

async function openFormer(): Promise<FormerDatabase> {
	const former = await FormerDatabase.open({
		count: 60,
		form: 'sealed',
		setup:
			'CREATE TABLE events (id serial PRIMARY KEY, destination_id uuid REFERENCES destinations ON DELETE CASCADE);',
	});
	opened.push(former);
	await former.client.query('INSERT INTO events (destination_id) SELECT id FROM destinations');
	return former;
}

afterEach(async () => {
	for (const former of opened.splice(0)) await former.close();
});

/** A connection that is lost with the message of this number, before the server has it. */
function dyingSocket(messages: number): Socket {
	const socket = new Socket();
	const write = socket.write.bind(socket);
	let left = messages;
	const countedWrite = (bytes: Uint8Array) => {
		left -= 1;
		if (left >= 0) return write(bytes);
		socket.destroy(new Error('the connection is lost'));
		return false;
	};
	// Connecting puts the method of the class back.
	socket.once('connect', () => Object.assign(socket, { write: countedWrite }));
	return socket;
}

async function wellWithEvents(former: FormerDatabase, rows: readonly { readonly id: string }[]) {
	await adoptedWell(former, rows);
	const referring = await former.rows(
		`SELECT confrelid::regclass::text AS "to", convalidated AS valid FROM pg_constraint WHERE conrelid = 'events'::regclass AND contype = 'f'`,
	);
	expect(referring).toEqual([{ to: 'destinations', valid: true }]);
	expect(await former.rows('SELECT FROM events')).toHaveLength(rows.length);
}

test('a connection that is lost with any message costs nothing but another run', async () => {
	const former = await openFormer();
	const rows = await rowsOf(former.client);
	let runs = 0;
	for (let messages = 4; messages < 400; messages += 1) {
		const run = adopt({
			connectionString: former.url,
			connection: { stream: () => dyingSocket(messages) },
			keys: former.keys,
			formerKey: former.formerKey,
			goal: 'apply',
			batchSize,
		});
		const ended = await run.then(
			({ outcome }) => outcome,
			() => 'lost',
		);
		runs += 1;
		if (ended !== 'lost') {
			expect(['adopted', 'own']).toContain(ended);
			break;
		}
	}
	expect(runs).toBeGreaterThan(20);
	expect(runs).toBeLessThan(396);
	await wellWithEvents(former, rows);
});

describe('a process', () => {
	let command: Program;

	beforeAll(async () => {
		command = await bundle('src/cli/bin.ts');
	});

	afterAll(() => command?.remove());

	/** Runs the command and kills it when it says that it begins with a step in which none was killed so far. */
	async function runUntilNew(former: FormerDatabase, killedIn: Set<string>): Promise<boolean> {
		const child = fork(command.file, ['adopt', '--apply', '--batch', String(batchSize)], {
			env: { ...process.env, ...former.environment },
			silent: true,
		});
		const exited = once(child, 'exit');
		let said = '';
		child.stderr?.on('data', (text) => {
			said += text;
		});
		for await (const line of createInterface({ input: child.stdout ?? process.stdin })) {
			said += `${line}\n`;
			if (!line.startsWith('- ') || killedIn.has(line) || child.killed) continue;
			killedIn.add(line);
			child.kill('SIGKILL');
		}
		const [status, signal] = await exited;
		if (signal === null) expect([status, status === 0 ? '' : said]).toEqual([0, '']);
		return signal === 'SIGKILL';
	}

	test('that is killed step by step, and run again, ends well', async () => {
		const former = await openFormer();
		const rows = await rowsOf(former.client);
		const killedIn = new Set<string>();
		while (await runUntilNew(former, killedIn));
		// Of some eighteen. A step that is over before the signal comes is not said again.
		expect(killedIn.size).toBeGreaterThan(10);
		await wellWithEvents(former, rows);
	});
});
