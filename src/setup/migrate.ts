import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ConfigurationError } from '../errors.ts';
import type { PrismaConfig } from './prisma-config.ts';

/**
 * Runs `prisma migrate deploy` of the service's own Prisma.
 *
 * @throws ConfigurationError where it has none, or the migrations fail.
 */
export async function deployMigrations(
	folder: string,
	connectionString: string,
	{ name }: PrismaConfig,
): Promise<void> {
	const command = [prismaCommand(folder), 'migrate', 'deploy', '--config', name];
	const env = {
		...process.env,
		DATABASE_URL: connectionString,
		PRISMA_HIDE_UPDATE_MESSAGE: 'true',
	};
	try {
		await promisify(execFile)(process.execPath, command, { cwd: folder, env });
	} catch (error) {
		const { stdout = '', stderr = '' } = Object(error);
		throw new ConfigurationError(`The migrations failed. Prisma says: ${stderr}${stdout}`);
	}
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
