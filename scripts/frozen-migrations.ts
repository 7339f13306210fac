import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The migrations of every release, by what is in them. Made with each version; no line of it ever changes. */
export const frozenFile = 'test/release/migrations.sha256';

/** What every migration of a folder has in it, by its name. */
export function migrationsIn(root: string): ReadonlyMap<string, string> {
	const folder = join(root, 'prisma/migrations');
	return new Map(
		readdirSync(folder, { withFileTypes: true })
			.filter((entry) => entry.isDirectory())
			.map(({ name }): [string, string] => [name, sumOf(join(folder, name, 'migration.sql'))])
			.sort(([one], [other]) => (one < other ? -1 : 1)),
	);
}

function sumOf(file: string): string {
	if (!existsSync(file)) return 'nothing';
	return createHash('sha256').update(readFileSync(file)).digest('hex');
}

/** The migrations that were released. */
export function frozenIn(root: string): ReadonlyMap<string, string> {
	const file = join(root, frozenFile);
	if (!existsSync(file)) return new Map();
	const lines = readFileSync(file, 'utf8').trim().split('\n');
	return new Map(lines.map((line): [string, string] => [line.slice(66), line.slice(0, 64)]));
}

/** Migrations that were released and are not what they were. */
export function changedMigrations(root: string): string[] {
	const now = migrationsIn(root);
	return [...frozenIn(root)].filter(([name, sum]) => now.get(name) !== sum).map(([name]) => name);
}

/** The file with every migration there is. @throws if a released one has changed. */
export function frozenText(root: string): string {
	const changed = changedMigrations(root);
	if (changed.length > 0) {
		throw new Error(
			`Released migrations never change. Undo what changed in ${changed.join(', ')}.`,
		);
	}
	return [...migrationsIn(root)].map(([name, sum]) => `${sum}  ${name}\n`).join('');
}
