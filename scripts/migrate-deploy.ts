import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Applies the migrations with Prisma's own command, `prisma migrate deploy`, as a service does.
 *
 * @param directory The folder with `prisma.config.ts`.
 * @returns What the command printed.
 */
export async function migrateDeploy(directory: string, connectionString: string): Promise<string> {
	const cli = createRequire(join(directory, 'package.json')).resolve('prisma/build/index.js');
	const { stdout } = await promisify(execFile)(process.execPath, [cli, 'migrate', 'deploy'], {
		cwd: directory,
		env: { ...process.env, DATABASE_URL: connectionString },
	});
	return stdout;
}
