import { randomBytes } from 'node:crypto';
import type { createDestinationsClient } from '../../src/index.ts';
import type { TestDatabase } from '../../src/testing/index.ts';
import { barePrisma } from './bare-prisma.ts';
import type { Peer } from './peer.ts';
import { createPlaces, insertPlain, insertSealed, makeRows, type Row } from './rows.ts';
import { thisPackage } from './this-package.ts';

/** A peer, and organizations in its database that have no destinations yet. */
export interface Contender {
	readonly peer: Peer;
	readonly places: string[];
}

export interface OwnAndBare {
	readonly rows: readonly Row[];
	readonly key: { readonly id: string; readonly bytes: Uint8Array };
	/** The key as this package takes it. */
	readonly keys: string;
	readonly ours: Contender;
	readonly bare: Contender;
}

const organizations = 200;

/**
 * This package with every guarantee on, and bare Prisma on a table without them, with the same destinations.
 *
 * @param places how many each of them can create.
 * @param createClient of this package, built or from its sources.
 */
export async function openOwnAndBare(
	sealed: TestDatabase,
	plain: TestDatabase,
	places: number,
	createClient: typeof createDestinationsClient,
): Promise<OwnAndBare> {
	const rows = makeRows(organizations);
	const key = { id: 'bench', bytes: randomBytes(32) };
	const keys = `${key.id}:${key.bytes.toString('hex')}`;
	await insertSealed(sealed.connectionString, rows, keys);
	await insertPlain(plain.connectionString, rows);
	return {
		rows,
		key,
		keys,
		ours: await contender(thisPackage(createClient, sealed.logins, keys), sealed, places),
		bare: await contender(barePrisma(plain.connectionString), plain, places),
	};
}

export async function contender(
	peer: Peer,
	{ connectionString }: Pick<TestDatabase, 'connectionString'>,
	places: number,
): Promise<Contender> {
	return { peer, places: await createPlaces(connectionString, places) };
}
