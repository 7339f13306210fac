import type { Destination, Identity } from '../destinations/destination.ts';
import { ConflictError, DestinationsError, NotFoundError } from '../errors.ts';
import { noSuchDestination } from './not-found.ts';
import type { DestinationTable } from './table.ts';

/** What a change is compared with: all of it, or, where its settings do not decrypt, what is known. */
export type Before = Destination | (Identity & { readonly version: number });

/**
 * A live destination with its settings.
 *
 * @throws NotFoundError if there is none; what its settings do not decrypt with.
 */
export async function findExisting(table: DestinationTable, id: string): Promise<Destination> {
	const row = await table.findOne(id);
	if (row === undefined) throw new NotFoundError(noSuchDestination(id));
	return row;
}

/** What a live destination is, whatever its settings are. @throws NotFoundError if there is none. */
export async function identifyExisting(
	table: DestinationTable,
	id: string,
): Promise<Identity & { readonly version: number }> {
	const identity = await table.identify(id);
	if (identity === undefined) throw new NotFoundError(noSuchDestination(id));
	return identity;
}

/**
 * What is there, or, where its settings do not decrypt, whose they are: they can be replaced.
 *
 * @param mustOpen the types of which that is not enough.
 */
export async function findToReplace(
	table: DestinationTable,
	id: string,
	mustOpen: (type: Identity['type']) => boolean = () => false,
): Promise<Before> {
	try {
		return await findExisting(table, id);
	} catch (error) {
		// Only errors of opening name the destination.
		if (!(error instanceof DestinationsError) || error.destinationId === undefined) throw error;
		const identity = await identifyExisting(table, id);
		if (mustOpen(identity.type)) throw error;
		return identity;
	}
}

export function conflict({ id, version }: { id: string; version: number }): ConflictError {
	return new ConflictError(
		`Destination ${id} was changed meanwhile and is at version ${version}. Read it again before changing it.`,
		{ currentVersion: version },
	);
}
