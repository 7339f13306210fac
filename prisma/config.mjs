import { spawnSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { schemaEnginePath } from './engine/locate.mjs';
import { withoutSchema } from './engine/url.mjs';

/**
 * Holds nothing but Prisma's table of the migrations that ran. In a schema of its own it meets neither the
 * table of another Prisma project in the same database, nor tables for which Prisma wants a baseline (P3005).
 * The migrations themselves name the schema of all that they make.
 */
const historySchema = 'destinations_migrations';

/** @param {string | undefined} url */
function withHistorySchema(url) {
	if (!url) {
		throw new Error(
			'DATABASE_URL is not set. It is the URL of the database to migrate, as the login that may create tables. Prisma does not read .env files by itself: see docs/guides/migrate.md of @consent-io/destinations.',
		);
	}
	const address = withoutSchema(url);
	return `${address}${address.includes('?') ? '&' : '?'}schema=${historySchema}`;
}

/** Has a deploy that went well say what it made of the platform's tables. */
function sayWhatWasCreated() {
	const [command, subcommand] = process.argv.slice(2);
	if (command !== 'migrate' || subcommand !== 'deploy' || runningPrisma() === undefined) return;
	process.once('exit', (status) => {
		if (status !== 0) return;
		const file = fileURLToPath(new URL('./engine/say-created.mjs', import.meta.url));
		spawnSync(process.execPath, [file], {
			stdio: ['ignore', 'inherit', 'ignore'],
			timeout: 15_000,
		});
	});
}

/** Refuses a command that the migrations were not tried with: another major version, or one before 7.10. */
function checkCommand() {
	const command = runningPrisma();
	if (command === undefined) return;
	const [, major, minor] = /^(\d+)\.(\d+)\.\d+$/.exec(command.version) ?? [];
	if (major === '7' && Number(minor) >= 10) return;
	const { dependencies } = readPackage(new URL('../package.json', import.meta.url));
	const tested = `prisma@${dependencies['@prisma/client']}`;
	throw new Error(
		`This is prisma ${command.version}, but @consent-io/destinations migrates with releases of Prisma 7, from 7.10 on: npm install --save-dev ${tested}. Where the service has a Prisma of its own, npx ${tested} leaves that alone.`,
	);
}

/** @returns {{ version: string } | undefined} undefined where something else loads the configuration */
function runningPrisma() {
	try {
		const file = path.join(realpathSync(String(process.argv[1])), '../../package.json');
		const { name, version } = readPackage(file);
		return name === 'prisma' ? { version } : undefined;
	} catch {
		return undefined;
	}
}

/** @param {string | URL} file */
const readPackage = (file) => JSON.parse(readFileSync(file, 'utf8'));

checkCommand();
sayWhatWasCreated();
const engine = schemaEnginePath();
if (engine) process.env.PRISMA_SCHEMA_ENGINE_BINARY = engine;

export default {
	schema: fileURLToPath(new URL('./schema.prisma', import.meta.url)),
	migrations: { path: fileURLToPath(new URL('./migrations', import.meta.url)) },
	datasource: { url: withHistorySchema(process.env.DATABASE_URL) },
};
