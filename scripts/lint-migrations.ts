/** Lints the migrations with squawk, under the rules of .squawk.toml. Takes another folder of migrations. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = process.argv[2] ?? join(root, 'prisma/migrations');

const squawk = findSquawk();
if (squawk !== undefined) {
	const migrations = readdirSync(folder).filter((name) => existsSync(fileOf(name)));
	const bad = migrations.filter((name) => !passes(squawk, name));
	process.stdout.write(`${migrations.length} migrations, ${bad.length} with problems\n`);
	if (bad.length > 0 || migrations.length === 0) process.exitCode = 1;
}

function passes(squawk: string, migration: string): boolean {
	const options = ['--config', join(root, '.squawk.toml')];
	const { status, stdout, stderr } = spawnSync(squawk, [...options, fileOf(migration)], {
		encoding: 'utf8',
	});
	if (status !== 0) process.stderr.write(`${stdout}${stderr}\n`);
	return status === 0;
}

function fileOf(migration: string): string {
	return join(folder, migration, 'migration.sql');
}

/** squawk's binary. Not every machine has one; CI must not pass over what it was to check. */
function findSquawk(): string | undefined {
	const { getBinaryPath } = createRequire(import.meta.url)('squawk-cli/js/index.js') as {
		getBinaryPath: () => string;
	};
	try {
		return getBinaryPath();
	} catch (error) {
		process.stderr.write(`The migrations are not linted. ${String(error)}\n`);
		if (process.env.CI) process.exitCode = 1;
		return undefined;
	}
}
