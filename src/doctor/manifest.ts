import type { CatalogObject } from './catalog.ts';
import committed from './manifest.json' with { type: 'json' };

/** What a database holds once every migration of this package has run. */
export interface Manifest {
	/** In their order, with the checksum that Prisma keeps: SHA-256 of the file. */
	readonly migrations: readonly { readonly name: string; readonly checksum: string }[];
	readonly objects: readonly MadeObject[];
}

/** An object, and the migration that made it what it is. */
export interface MadeObject extends CatalogObject {
	readonly migration: string;
}

/**
 * Written by `UPDATE_CATALOG=1 npx jest test/catalog`, which also fails where it is not what the
 * migrations make. TypeScript widens the kinds in JSON to texts, hence `as`.
 */
export const manifest = committed as Manifest;
