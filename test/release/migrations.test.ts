import { appendFile, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
	changedMigrations,
	frozenFile,
	frozenIn,
	frozenText,
	migrationsIn,
} from '../../scripts/frozen-migrations.ts';

const root = join(__dirname, '../..');

test('no released migration has changed, and a released version has its migrations frozen', async () => {
	expect(changedMigrations(root)).toEqual([]);
	const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'));
	if (version === '0.0.0') return;
	expect(frozenIn(root).size).toBeGreaterThan(0);
});

test('a version freezes every migration; afterwards one may be added, and none may change or go', async () => {
	const copy = await mkdtemp(join(tmpdir(), 'destinations-frozen-'));
	try {
		const migrations = join(copy, 'prisma/migrations');
		await cp(join(root, 'prisma/migrations'), migrations, { recursive: true });
		await mkdir(dirname(join(copy, frozenFile)), { recursive: true });
		await writeFile(join(copy, frozenFile), frozenText(copy));
		expect([...frozenIn(copy)]).toEqual([...migrationsIn(root)]);

		await mkdir(join(migrations, '29990101000000_later'));
		await writeFile(join(migrations, '29990101000000_later/migration.sql'), 'SELECT 1;');
		expect(changedMigrations(copy)).toEqual([]);

		for (const name of migrationsIn(root).keys()) {
			const file = join(migrations, name, 'migration.sql');
			await appendFile(file, ' ');
			expect(changedMigrations(copy)).toEqual([name]);
			expect(() => frozenText(copy)).toThrow(name);
			await cp(join(root, 'prisma/migrations', name, 'migration.sql'), file);
		}
		const [first = ''] = migrationsIn(root).keys();
		await rm(join(migrations, first), { recursive: true });
		expect(changedMigrations(copy)).toEqual([first]);
	} finally {
		await rm(copy, { recursive: true });
	}
});
