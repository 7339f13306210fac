import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';

// What tests need of servers that they start as processes of their own.

export async function freePort(): Promise<number> {
	const server = createServer().listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = server.address();
	server.close();
	await once(server, 'close');
	if (address === null || typeof address === 'string') throw new Error('no TCP port is free');
	return address.port;
}

/** Waits until it logs, on standard error, that it is ready. */
export async function logged(daemon: ChildProcess, ready: string): Promise<void> {
	const { stderr } = daemon;
	if (stderr === null) throw new Error('the process has no log');
	const lines: string[] = [];
	await new Promise<void>((resolve, reject) => {
		daemon.once('error', reject);
		daemon.once('exit', () => reject(new Error(lines.slice(-10).join('\n'))));
		createInterface({ input: stderr }).on('line', (line) => {
			lines.push(line);
			if (line.includes(ready)) resolve();
		});
	});
}

/** Ends it, unless it has ended, and waits for that. */
export async function end(daemon: ChildProcess, signal: NodeJS.Signals): Promise<void> {
	if (daemon.exitCode !== null || daemon.signalCode !== null) return;
	const exited = once(daemon, 'exit');
	daemon.kill(signal);
	await exited;
}
