// Runs a Postgres of the machine's own for as long as standard input stays open. Answers with one line of JSON.
import { once } from 'node:events';
import { join } from 'node:path';
import { Directories } from '../../../src/testing/supervisor/directories.js';
import { Server } from '../../../src/testing/supervisor/server.js';
import { findUser } from '../../../src/testing/supervisor/user.js';

const [programs = '', version = ''] = process.argv.slice(2);
process.stdin.on('error', () => {});
const released = once(process.stdin.resume(), 'close');
const directories = new Directories();
try {
	const user = await findUser();
	const directory = await directories.forData(user);
	const [initdb, postgres] = [join(programs, 'initdb'), join(programs, 'postgres')];
	const server = await Server.start(
		{ initdb, postgres, version: Number(version) },
		directory,
		user,
	);
	process.stdout.write(`${JSON.stringify({ connectionString: server.connectionString })}\n`);
	await released;
	await server.stop();
} finally {
	await directories.remove();
}
