import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ConfigurationError } from '../errors.ts';
import { packageManifest } from './package-manifest.ts';
import type { PrismaConfig } from './prisma-config.ts';

/**
 * Runs `prisma migrate deploy` of the service's own Prisma.
 *
 * @returns whether any were pending.
 * @throws ConfigurationError where it has none, or the migrations fail.
 */
export async function deployMigrations(
	folder: string,
	connectionString: string,
	{ name }: PrismaConfig,
): Promise<boolean> {
	const command = [prismaCommand(folder), 'migrate', 'deploy', '--config', name];
	const env = {
		...process.env,
		DATABASE_URL: connectionString,
		PRISMA_HIDE_UPDATE_MESSAGE: 'true',
	};
	try {
		const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: folder, env });
		return !stdout.includes('No pending migrations');
	} catch (error) {
		const { stdout = '', stderr = '' } = Object(error);
		const said = `${stderr}${stdout}`;
		const advice = knownCauses.find(([words]) => words.test(said))?.[1];
		throw new ConfigurationError(advice?.() ?? `The migrations failed. Prisma says: ${said}`);
	}
}

/** What Prisma's command says, and what to do about it. Of the second Prisma says nothing that a user could know. */
const knownCauses: readonly (readonly [words: RegExp, advice: () => string])[] = [
	[
		/\/schema-engine\S*\.gz/,
		() =>
			`The migrations did not run, because Prisma could not download its schema engine. Install the engine from npm, and run this again: npm install --save-dev --save-exact @prisma/schema-engine-wasm@${engineVersion()}`,
	],
	[
		/migration persistence is not initialized/,
		() =>
			'The migrations did not run, because the login cannot create their schema. Set DATABASE_URL to the URL of the login that owns the database, not of a login of the service.',
	],
];

/** As `prisma/config.mjs` finds it: the one version that this package was tested with. */
function engineVersion(): string {
	return packageManifest()?.peerDependencies?.['@prisma/schema-engine-wasm'] ?? 'VERSION';
}

function prismaCommand(folder: string): string {
	try {
		const manifest = createRequire(join(folder, 'package.json')).resolve('prisma/package.json');
		const { bin } = createRequire(manifest)(manifest);
		return join(dirname(manifest), String(bin.prisma));
	} catch {
		throw new ConfigurationError(
			'There is no Prisma here to run the migrations with: npm install --save-dev prisma@7',
		);
	}
}
