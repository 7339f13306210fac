/**
 * Run in a process of its own: imports a module, where one is named, and prints what that took since the
 * process began, as JSON. With a database also how long a new client takes for its first query.
 */
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [how = '', file = '', connectionString = '', keys = '', organizationId = ''] =
	process.argv.slice(2);

const loaded =
	how === 'import'
		? await import(pathToFileURL(file).href)
		: how === 'require'
			? createRequire(import.meta.url)(file)
			: undefined;
const milliseconds = performance.now();
const { user, system } = process.cpuUsage();
const { rss, heapUsed } = process.memoryUsage();

let firstQuery;
if (connectionString !== '') {
	const db = loaded.createDestinationsClient({ connectionString, keys });
	await db.forOrganization(organizationId).prisma.destination.findMany();
	firstQuery = performance.now() - milliseconds;
	await db.close();
}
process.stdout.write(
	JSON.stringify({ milliseconds, cpu: (user + system) / 1000, rss, heapUsed, firstQuery }),
);
