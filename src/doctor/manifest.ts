import type { CatalogObject } from './catalog.ts';
import ofCitus from './citus-objects.json' with { type: 'json' };
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

/** What prisma/scale/citus.sql makes of it. */
interface CitusObjects {
	/** By {@link identityOf}: what it removes. */
	readonly absent: readonly string[];
	/** What it makes, in the form that it has then. */
	readonly objects: readonly MadeObject[];
}

/** Written by `UPDATE_CATALOG=1 npx jest test/scale` where `CITUS_URL` names a cluster; see {@link manifest}. */
export const citusObjects = ofCitus as CitusObjects;
