import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ConfigurationError } from '../errors.ts';
import { place } from './place.cjs';
import type { StartedServer } from './started-server.ts';

/** What the supervisor answers. */
interface Answer {
	readonly connectionString?: string;
	readonly failure?: string;
}

/** Starts a Postgres from npm, which stops when this process does, however that ends. */
export async function startEmbeddedPostgres(): Promise<StartedServer> {
	const supervisor = spawn(
		process.execPath,
		[join(place, 'supervisor', 'postgres-supervisor.js')],
		{
			// A group of its own: Ctrl-C is for the tests, and the supervisor still has to clean up after them.
			detached: true,
			stdio: 'pipe',
			windowsHide: true,
		},
	);
	const exited = once(supervisor, 'exit');
	let complaint = '';
	supervisor.stderr.setEncoding('utf8').on('data', (text: string) => {
		complaint = `${complaint}${text}`.slice(-2000);
	});
	const { connectionString, failure }: Answer = await firstAnswer(supervisor.stdout);
	if (connectionString === undefined) {
		supervisor.stdin.end();
		await exited;
		throw new ConfigurationError(
			failure ?? `The embedded Postgres did not start. Its last output: ${complaint.trim()}`,
		);
	}
	// Tests that forget to stop it may end all the same.
	supervisor.unref();
	supervisor.stdout.destroy();
	supervisor.stderr.destroy();
	if (supervisor.stdin instanceof Socket) supervisor.stdin.unref();
	return {
		connectionString,
		release: async () => {
			supervisor.ref();
			supervisor.stdin.end();
			await exited;
		},
	};
}

async function firstAnswer(output: NodeJS.ReadableStream): Promise<Answer> {
	for await (const line of createInterface({ input: output })) return JSON.parse(line);
	return {};
}
