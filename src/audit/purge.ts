import { ValidationError } from '../errors.ts';
import type { ScopedPrismaClient } from '../prisma.ts';

/** Options of a removal that goes on in batches, each a transaction of its own. */
export interface BatchOptions {
	/** How many at once, from 1 to 10,000. @defaultValue 500 */
	readonly batch?: number | undefined;
	/** Called after each batch with how many are gone so far. */
	readonly onProgress?: ((progress: { readonly removed: number }) => void) | undefined;
	/** Stops between two batches. What is removed stays removed. @defaultValue never */
	readonly signal?: AbortSignal | undefined;
}

/** Options of {@link DestinationRepository.purgeDeleted}. */
export interface PurgeDeletedOptions extends BatchOptions {
	/** Purges what was soft-deleted before this. */
	readonly olderThan: Date;
}

/** Options of {@link DestinationRepository.pruneSettingsHistory}. At least one of the two bounds. */
export interface PruneOptions extends BatchOptions {
	/** How many earlier settings each destination keeps. @defaultValue any number */
	readonly keep?: number | undefined;
	/** Deletes what was replaced before this. @defaultValue of any age */
	readonly olderThan?: Date | undefined;
}

const maxBatch = 10_000;

/** Purges soft-deleted destinations; gives how many. */
export async function purgeDeleted(
	prisma: ScopedPrismaClient,
	options: PurgeDeletedOptions,
): Promise<number> {
	const { onProgress, signal } = options;
	const batch = checkBatch(options.batch);
	const olderThan = checkDate(options.olderThan);
	let removed = 0;
	for (;;) {
		signal?.throwIfAborted();
		// Locked in the sub-select, so that one that is restored meanwhile stays. One that somebody else holds
		// is left to the next run.
		const count = await prisma.$executeRaw`
			DELETE FROM public.destinations WHERE id IN (
				SELECT id FROM public.destinations
				 WHERE deleted_at < ${olderThan} ORDER BY deleted_at LIMIT ${batch}
				   FOR UPDATE SKIP LOCKED)`;
		if (count === 0) return removed;
		removed += count;
		onProgress?.({ removed });
	}
}

/** Deletes earlier settings that are too many or too old; gives how many. */
export async function pruneSettingsHistory(
	prisma: ScopedPrismaClient,
	options: PruneOptions,
): Promise<number> {
	const { keep, onProgress, signal } = options;
	const batch = checkBatch(options.batch);
	if (keep === undefined && options.olderThan === undefined) {
		throw new ValidationError([{ path: [], message: 'must have `keep`, `olderThan` or both' }]);
	}
	if (keep !== undefined && !(Number.isInteger(keep) && keep >= 0 && keep < 2 ** 31)) {
		throw new ValidationError([{ path: ['keep'], message: 'must be a whole number from 0 on' }]);
	}
	const olderThan = options.olderThan === undefined ? null : checkDate(options.olderThan);
	let after = '00000000-0000-0000-0000-000000000000';
	let removed = 0;
	for (;;) {
		signal?.throwIfAborted();
		// A page of destinations at a time, by the primary key.
		const ids: { id: string }[] = await prisma.$queryRaw`
			SELECT id::text FROM (
				SELECT DISTINCT destination_id AS id FROM public.destination_settings_history
				 WHERE destination_id > ${after}::uuid ORDER BY destination_id LIMIT ${batch}) AS page
			 ORDER BY page.id`;
		const last = ids.at(-1);
		if (last === undefined) return removed;
		removed += await prisma.$transaction(async (transaction) => {
			// The database takes deletions of no one who does not say this.
			await transaction.$executeRaw`SET LOCAL destinations.retention = 'on'`;
			return transaction.$executeRaw`
				DELETE FROM public.destination_settings_history AS history
				 USING (
					SELECT destination_id, version,
					       row_number() OVER (PARTITION BY destination_id ORDER BY version DESC) AS place
					  FROM public.destination_settings_history
					 WHERE destination_id > ${after}::uuid AND destination_id <= ${last.id}::uuid
				 ) AS kept
				 WHERE history.destination_id = kept.destination_id AND history.version = kept.version
				   AND (kept.place > ${keep ?? null}::bigint OR history.replaced_at < ${olderThan}::timestamptz)`;
		});
		after = last.id;
		onProgress?.({ removed });
	}
}

function checkBatch(batch = 500): number {
	if (Number.isInteger(batch) && batch >= 1 && batch <= maxBatch) return batch;
	throw new ValidationError([
		{ path: ['batch'], message: `must be a whole number from 1 to ${maxBatch}` },
	]);
}

function checkDate(date: Date): Date {
	if (date instanceof Date && !Number.isNaN(date.getTime())) return date;
	throw new ValidationError([{ path: ['olderThan'], message: 'must be a valid date' }]);
}
