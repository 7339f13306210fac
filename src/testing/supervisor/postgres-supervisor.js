/**
 * Runs an embedded Postgres for as long as standard input stays open: that closes when the process that
 * started this one stops it, ends, crashes or is killed. So no server outlives its tests.
 *
 * A process of its own also because the packages of the embedded Postgres are ES modules, which a CommonJS Jest
 * cannot load. JavaScript, so that it runs from `src` as from `dist`.
 *
 * Answers with one line of JSON: `{ connectionString }`, or `{ failure }`.
 */
import { once } from 'node:events';
import { Directories } from './directories.js';
import { reasonOf } from './failure.js';
import { findPrograms } from './programs.js';
import { Server } from './server.js';
import { findUser } from './user.js';

/** @param {object} message */
function answer(message) {
	process.stdout.write(`${JSON.stringify(message)}\n`);
}

// With nobody left at the other end, writing fails.
for (const stream of [process.stdin, process.stdout, process.stderr]) stream.on('error', () => {});
const released = Promise.race([
	once(process.stdin.resume(), 'close'),
	...['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)),
]);

const directories = new Directories();
try {
	const user = await findUser();
	const directory = await directories.forData(user);
	const programs = await findPrograms(directories, user);
	const server = await Server.start(programs, directory, user);
	answer({ connectionString: server.connectionString });
	// Beside: what cannot be removed, such as a folder that something is mounted in, is tried for a minute.
	directories.sweep().catch(() => {});
	await released;
	await server.stop();
} catch (error) {
	answer({ failure: reasonOf(error) });
} finally {
	await directories.remove();
}
process.exit();
