import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import {
	type CatalogObject,
	type FoundObject,
	identityOf,
	readCatalog as readObjects,
} from '../../src/doctor/catalog.ts';
import type { Manifest } from '../../src/doctor/manifest.ts';
import { readMigrations } from '../database/migrations.ts';

/** The committed manifest, which `doctor` compares databases with. */
export const manifestPath = join(process.cwd(), 'src/doctor/manifest.json');

export async function readManifest(): Promise<Manifest> {
	return JSON.parse(await readFile(manifestPath, 'utf8'));
}

/** Everything that a database holds, one line a thing. */
export async function readCatalog(connectionString: string): Promise<string[]> {
	const client = new Client({ connectionString });
	await client.connect();
	try {
		return (await objectsOf(client)).map(lineOf);
	} finally {
		await client.end();
	}
}

/** Applies the migrations one by one, and tells of each thing which of them made it what it is. */
export async function makeManifest(client: Client): Promise<Manifest> {
	const migrations: Manifest['migrations'][number][] = [];
	let objects = new Map<string, Manifest['objects'][number]>();
	for (const { name: migration, sql } of await readMigrations()) {
		await client.query(sql);
		const before = objects;
		objects = new Map(
			(await objectsOf(client)).map(({ kind, of, name, definition }) => {
				const made = { kind, of, name, definition, migration };
				const known = before.get(identityOf(made));
				return [identityOf(made), known?.definition === definition ? known : made];
			}),
		);
		migrations.push({ name: migration, checksum: createHash('sha256').update(sql).digest('hex') });
	}
	return { migrations, objects: [...objects.values()] };
}

async function objectsOf(client: Client): Promise<FoundObject[]> {
	await client.query(`SET search_path = pg_catalog, pg_temp`);
	try {
		return await readObjects(client);
	} finally {
		await client.query('RESET search_path');
	}
}

export function lineOf(object: CatalogObject): string {
	return `${identityOf(object)}: ${object.definition}`;
}
