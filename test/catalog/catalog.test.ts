import { readFile, writeFile } from 'node:fs/promises';
import { createTestDatabase } from '../support/database.ts';
import { manifestPath, readCatalog } from './catalog.ts';

/**
 * Prisma knows nothing of most of what the migrations make, so that a later migration of its making
 * could drop it. After an intended change: `UPDATE_CATALOG=1 npx jest test/catalog`, and review the diff.
 */
test('the migrations make what the committed catalog says', async () => {
	const database = await createTestDatabase();
	try {
		const catalog = await readCatalog(database.connectionString);
		if (process.env.UPDATE_CATALOG === '1') await writeFile(manifestPath, `${catalog.join('\n')}\n`);
		const manifest = (await readFile(manifestPath, 'utf8')).trimEnd().split('\n');
		expect(catalog).toEqual(manifest);
	} finally {
		await database.drop();
	}
});
