import type { Scope } from '../database/scope.ts';
import { ForbiddenError, NotFoundError, UnavailableError, ValidationError } from '../errors.ts';
import { abortSignal, callback, date, wholeNumber } from '../input/checks.ts';
import { checkOptions, type OptionSchemas, optionsOf } from '../input/options.ts';
import { type OrganizationOptions, organizationOptions, toolsFor } from './organization.ts';
import type { Statements } from './statements.ts';
import type { RepositoryTools } from './tools.ts';

/** Options of a removal in batches, each of which is one transaction. */
export interface BatchOptions {
	/** Rows in one batch, from 1 to 10,000. @defaultValue 500 */
	readonly batch?: number | undefined;
	/** Called after each batch with the number of rows removed so far. */
	readonly onProgress?: ((progress: { readonly removed: number }) => void) | undefined;
	/** Stops between two batches. What was removed stays removed. @defaultValue `undefined` */
	readonly signal?: AbortSignal | undefined;
}

/** A destination that was not purged, for example because one of your own tables refers to it. */
export interface PurgeFailure {
	/** UUID. */
	readonly destinationId: string;
	/** UUID. */
	readonly organizationId: string;
	/** Why the database refused: an error of this package, or of pg. */
	readonly error: unknown;
}

/** Options of {@link DestinationRepository.purgeDeleted}. */
export interface PurgeDeletedOptions extends BatchOptions {
	/** Purges destinations that were soft-deleted before this time. */
	readonly olderThan: Date;
	/**
	 * Called for each destination that the database refuses to remove. The others are purged nevertheless.
	 *
	 * @defaultValue the first of these errors is thrown, after the others are purged
	 */
	readonly onFailure?: ((failure: PurgeFailure) => void) | undefined;
}

/**
 * Options of {@link DestinationRepository.pruneSettingsHistory}: at least one of the two bounds. Settings that exceed
 * either of them are deleted.
 */
export interface PruneOptions extends BatchOptions {
	/**
	 * How many earlier settings each destination keeps, from 0 to 2,147,483,647. Older ones are deleted.
	 *
	 * @defaultValue no limit
	 */
	readonly keep?: number | undefined;
	/** Deletes settings that were replaced before this time. @defaultValue no limit */
	readonly olderThan?: Date | undefined;
}

const batchSchemas = {
	batch: wholeNumber(1, 10_000).default(500),
	onProgress: callback<NonNullable<BatchOptions['onProgress']>>().optional(),
	signal: abortSignal.optional(),
} satisfies OptionSchemas<BatchOptions>;
const purgeOptions = optionsOf({
	...batchSchemas,
	olderThan: date,
	onFailure: callback<NonNullable<PurgeDeletedOptions['onFailure']>>().optional(),
} satisfies OptionSchemas<PurgeDeletedOptions>);
const pruneOptions = optionsOf({
	...batchSchemas,
	keep: wholeNumber(0, 2 ** 31 - 1).optional(),
	olderThan: date.optional(),
} satisfies OptionSchemas<PruneOptions>);

/** @throws ForbiddenError in the scope of an organization. */
export function refuseTenants(method: string, { organizationId }: Scope): void {
	if (organizationId === undefined) return;
	throw new ForbiddenError(`${method}() is for asService() only: it removes rows permanently.`);
}

/**
 * Removes a soft-deleted destination permanently.
 *
 * @throws NotFoundError if there is none.
 */
export async function purge(
	tools: RepositoryTools,
	id: string,
	options: OrganizationOptions,
): Promise<void> {
	const { statements } = toolsFor(tools, checkOptions(organizationOptions, options));
	const { organizationId } = statements;
	const ofOne = organizationId === undefined ? '' : 'AND organization_id = $2';
	const rows = await statements.run(
		`DELETE FROM public.destinations WHERE id = $1 ${ofOne} AND deleted_at IS NOT NULL RETURNING id`,
		organizationId === undefined ? [id] : [id, organizationId],
	);
	if (rows.length > 0) return;
	throw new NotFoundError(`There is no deleted destination ${id}. Delete it before purging it.`);
}

/** Purges soft-deleted destinations; returns how many. */
export async function purgeDeleted(
	statements: Statements,
	options: PurgeDeletedOptions,
): Promise<number> {
	const { batch, olderThan, onProgress, onFailure, signal } = checkOptions(purgeOptions, options);
	const due: Due = { before: olderThan.toISOString(), failed: [] };
	const errors: unknown[] = [];
	let removed = 0;
	for (;;) {
		signal?.throwIfAborted();
		let refused = 0;
		const count = await purgeBatch(statements, due, batch, (failure) => {
			refused += 1;
			due.failed.push(failure.destinationId);
			if (onFailure === undefined) errors.push(failure.error);
			else onFailure(failure);
		});
		if (count === 0) break;
		removed += count - refused;
		onProgress?.({ removed });
	}
	if (errors.length > 0) throw errors[0];
	return removed;
}

/** What is to be purged. */
interface Due {
	/** What was deleted before this. */
	readonly before: string;
	/** Those that were tried already. */
	readonly failed: string[];
}

/** Behind so many the reason is not one destination's. */
const manyFailures = 1000;

/** Purges the next ones; one by one where the database refuses them together. Returns how many it is done with. */
async function purgeBatch(
	statements: Statements,
	{ before, failed }: Due,
	batch: number,
	onFailure: (failure: PurgeFailure) => void,
): Promise<number> {
	// Locked, so that one that is restored meanwhile stays. One that somebody else holds is left to the next run.
	const next = `SELECT id, organization_id FROM public.destinations
		 WHERE deleted_at < $1 AND id <> ALL ($3::uuid[]) ORDER BY deleted_at LIMIT $2`;
	const values = [before, batch, failed];
	if (statements.citus) {
		// As the statement selects them.
		const rows = (await statements.run(next, values)) as string[][];
		return purgeBatchByOrganization(statements, before, rows, onFailure);
	}
	try {
		const [row] = await statements.run(
			`WITH next AS (${next} FOR UPDATE SKIP LOCKED), gone AS (
				DELETE FROM public.destinations AS d USING next
				 WHERE d.id = next.id AND d.organization_id = next.organization_id
				RETURNING 1)
			 SELECT pg_catalog.count(*) FROM gone`,
			values,
		);
		return Number(row?.[0]);
	} catch (error) {
		if (error instanceof UnavailableError || failed.length >= manyFailures) throw error;
		const rows = await statements.run(next, values).catch(() => {
			throw error; // in a transaction, which is over
		});
		let done = 0;
		for (const [destinationId = '', organizationId = ''] of rows as string[][]) {
			done += await purgeOne(statements, before, { destinationId, organizationId }, onFailure);
		}
		return done;
	}
}

/** @returns whether it is gone, or was refused: 0 where somebody else has it. */
async function purgeOne(
	statements: Statements,
	before: string,
	{ destinationId, organizationId }: Pick<PurgeFailure, 'destinationId' | 'organizationId'>,
	onFailure: (failure: PurgeFailure) => void,
): Promise<number> {
	try {
		const rows = await statements.run(
			`DELETE FROM public.destinations WHERE organization_id = $2 AND id IN (SELECT id FROM public.destinations
				WHERE id = $1 AND organization_id = $2 AND deleted_at < $3 FOR UPDATE SKIP LOCKED) RETURNING id`,
			[destinationId, organizationId, before],
		);
		return rows.length;
	} catch (error) {
		if (error instanceof UnavailableError) throw error;
		onFailure({ destinationId, organizationId, error });
		return 1;
	}
}

/** The same with Citus, which locks rows of one worker at a time: those of one organization. */
async function purgeBatchByOrganization(
	statements: Statements,
	before: string,
	rows: readonly (readonly string[])[],
	onFailure: (failure: PurgeFailure) => void,
): Promise<number> {
	const byOrganization = new Map<string, string[]>();
	for (const [id = '', organizationId = ''] of rows) {
		byOrganization.set(organizationId, [...(byOrganization.get(organizationId) ?? []), id]);
	}
	let done = 0;
	for (const [organizationId, ids] of byOrganization) {
		try {
			const gone = await statements.run(
				`DELETE FROM public.destinations WHERE organization_id = $1 AND id IN (
					SELECT id FROM public.destinations
					 WHERE organization_id = $1 AND id = ANY ($2::uuid[]) AND deleted_at < $3
					   FOR UPDATE SKIP LOCKED)
				 RETURNING id`,
				[organizationId, ids, before],
			);
			done += gone.length;
		} catch (error) {
			if (error instanceof UnavailableError) throw error;
			for (const destinationId of ids) {
				done += await purgeOne(statements, before, { destinationId, organizationId }, onFailure);
			}
		}
	}
	return done;
}

/** Deletes earlier settings that are too many or too old; returns how many. */
export async function pruneSettingsHistory(
	statements: Statements,
	options: PruneOptions,
): Promise<number> {
	const { batch, keep, olderThan, onProgress, signal } = checkOptions(pruneOptions, options);
	if (keep === undefined && olderThan === undefined) {
		throw new ValidationError([{ path: [], message: 'must have `keep`, `olderThan` or both' }]);
	}
	let place: Place = { destinationId: afterAll, version: maxVersion, newer: 0 };
	let removed = 0;
	for (;;) {
		signal?.throwIfAborted();
		const page = await prunePage(statements, place, { batch, keep, olderThan });
		if (page === undefined) return removed;
		removed += page.removed;
		place = page.last;
		onProgress?.({ removed });
	}
}

/** A row of the history, and how many newer ones its destination has that are to stay or went already. */
interface Place {
	readonly destinationId: string;
	readonly version: number;
	readonly newer: number;
}

const afterAll = 'ffffffff-ffff-ffff-ffff-ffffffffffff';
const maxVersion = 2 ** 31 - 1;

/**
 * Looks at the next rows in the order of the primary key, backwards, so that a destination's newest come first
 * and are counted from page to page: however many a destination has, a statement sees `batch` of them. The
 * number stands in the text: planned for an unknown one, it would read and sort the whole table.
 */
const deletePage = (batch: number) => `WITH next AS MATERIALIZED (
		SELECT destination_id, version, replaced_at FROM public.destination_settings_history
		 WHERE (destination_id, version) < ($1::uuid, $2::integer)
		 ORDER BY destination_id DESC, version DESC LIMIT ${batch}
	), page AS MATERIALIZED (
		SELECT next.*, pg_catalog.row_number() OVER (PARTITION BY destination_id ORDER BY version DESC)
		         + CASE WHEN destination_id = $1::uuid THEN $3::bigint ELSE 0 END AS place
		  FROM next
	), gone AS (
		DELETE FROM public.destination_settings_history AS history USING page
		 WHERE history.destination_id = page.destination_id AND history.version = page.version
		   AND (page.place > $4::bigint OR page.replaced_at < $5::timestamptz)
		RETURNING 1
	)
	SELECT destination_id, version, place, (SELECT pg_catalog.count(*) FROM gone)
	  FROM page ORDER BY destination_id, version LIMIT 1`;

async function prunePage(
	statements: Statements,
	{ destinationId, version, newer }: Place,
	{
		batch,
		keep,
		olderThan,
	}: { batch: number; keep: number | undefined; olderThan: Date | undefined },
): Promise<{ readonly last: Place; readonly removed: number } | undefined> {
	const values = [
		...[destinationId, version, newer],
		...[keep ?? null, olderThan?.toISOString() ?? null],
	];
	const [row] = await statements.transaction(async (transaction) => {
		// The database takes deletions of no one who does not say this.
		await transaction.run(`SET LOCAL destinations.retention = 'on'`, []);
		const rows = await transaction.run(deletePage(batch), values);
		await transaction.run(`SET LOCAL destinations.retention = 'off'`, []);
		return rows;
	});
	if (row === undefined) return undefined;
	const [id, lastVersion, place, removed] = row;
	return {
		last: { destinationId: String(id), version: Number(lastVersion), newer: Number(place) },
		removed: Number(removed),
	};
}
