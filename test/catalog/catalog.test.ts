import { writeFile } from 'node:fs/promises';
import { Client } from 'pg';
import { HostDatabase } from '../database/migrations.ts';
import { createTestDatabase } from '../support/database.ts';
import { lineOf, makeManifest, manifestPath, readCatalog, readManifest } from './catalog.ts';

// Prisma knows nothing of most of what the migrations make, so that a later migration of its making could
// drop it. After an intended change: `UPDATE_CATALOG=1 npx jest test/catalog`, and review the difference.

test('the migrations make what the committed manifest says', async () => {
	const host = await HostDatabase.open();
	try {
		const made = await makeManifest(host.client);
		if (process.env.UPDATE_CATALOG === '1') {
			await writeFile(manifestPath, `${JSON.stringify(made, null, '\t')}\n`);
		}
		expect(made).toEqual(await readManifest());
	} finally {
		await host.close();
	}
});

test("Prisma's command makes the same, and keeps the checksums that the manifest has", async () => {
	const database = await createTestDatabase();
	const client = new Client({ connectionString: database.connectionString });
	await client.connect();
	try {
		const { migrations, objects } = await readManifest();
		expect(await readCatalog(database.connectionString)).toEqual(objects.map(lineOf));
		const { rows } = await client.query(
			'SELECT migration_name AS name, checksum FROM _prisma_migrations ORDER BY migration_name',
		);
		expect(rows).toEqual(migrations);
	} finally {
		await client.end();
		await database.drop();
	}
});
