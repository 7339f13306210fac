import type { ClientConfig } from 'pg';
import { z } from 'zod';
import { type Shard, shardsOption } from '../database/shards.ts';
import { abortSignal, callback, date, flag, text, wholeNumber } from '../input/checks.ts';
import { type OptionSchemas, optionsOf } from '../input/options.ts';

/** What is purged, in this order. `export` is the copy of the log that is made before its entries are removed. */
export type PurgePart = 'destinations' | 'settings' | 'export' | 'log';

/** The progress of a purge on one database. */
export interface PurgeProgress {
	/** Host, port and name of the database, if there are `shards`. */
	readonly database?: string;
	/** What is being removed or exported. */
	readonly part: PurgePart;
	/** Rows removed or exported so far. */
	readonly done: number;
	/** Rows to remove or export, as counted when the part began. */
	readonly total: number;
}

/** A destination that the database refused to remove, for example because one of your own tables refers to it. */
export interface PurgeExpiredFailure {
	/** Host, port and name of the database, if there are `shards`. */
	readonly database?: string;
	/** UUID. */
	readonly destinationId: string;
	/** UUID. */
	readonly organizationId: string;
	/** The code of the error, if it is one of this package; otherwise the SQLSTATE of Postgres. */
	readonly code: string;
	/** The constraint that prevents the removal, if one does. */
	readonly constraint?: string;
}

/**
 * Options of {@link purgeExpired}: at least one of `deletedOlderThan`, `settingsOlderThan`, `settingsKeep` and
 * `logOlderThan`.
 */
export interface PurgeExpiredOptions {
	/**
	 * URL of the database. Its login can switch to the role `service_role`.
	 *
	 * @defaultValue the environment variable `DATABASE_SERVICE_URL`, or else `DATABASE_URL`, unless `connection` names a host
	 */
	readonly connectionString?: string | undefined;
	/**
	 * Databases among which the organizations are divided; see the client's option. Leave out `connectionString` and
	 * `exportTo`. The run handles one database after another, with `serviceConnectionString` if the shard has one. If one
	 * fails, the others are handled nevertheless; then its error is thrown, with the database in the message.
	 *
	 * @defaultValue one database
	 */
	readonly shards?: readonly (string | Shard)[] | undefined;
	/** Options of pg's client, such as TLS (https://node-postgres.com/apis/client). @defaultValue none */
	readonly connection?: ClientConfig | undefined;
	/** Purges destinations that were soft-deleted before this time. @defaultValue none are purged */
	readonly deletedOlderThan?: Date | undefined;
	/** Deletes earlier settings that were replaced before this time. @defaultValue no limit */
	readonly settingsOlderThan?: Date | undefined;
	/**
	 * How many earlier settings each destination keeps, from 0 to 2,147,483,647. Older ones are deleted.
	 *
	 * @defaultValue no limit
	 */
	readonly settingsKeep?: number | undefined;
	/**
	 * Removes entries of the log that were recorded before this time, which must be at least 30 days ago.
	 *
	 * @defaultValue none are removed
	 */
	readonly logOlderThan?: Date | undefined;
	/**
	 * A file to which the log is appended before entries are removed, as JSON Lines (https://jsonlines.org). Only entries
	 * that are in the file are removed. A file beside it, whose name has `.cursor` appended, keeps the position where the
	 * next run continues.
	 *
	 * @defaultValue the log is not exported
	 */
	readonly exportTo?: string | undefined;
	/** Counts what would be removed. Removes and exports nothing. @defaultValue `false` */
	readonly dryRun?: boolean | undefined;
	/** Rows in one transaction, from 1 to 10,000. @defaultValue 500; for the log 5,000 */
	readonly batchSize?: number | undefined;
	/** Stops after the transactions under way. Finished work is kept: run it again to continue. @defaultValue `undefined` */
	readonly signal?: AbortSignal | undefined;
	/** Called when a part begins, and after each transaction. */
	readonly onProgress?: ((progress: PurgeProgress) => void) | undefined;
	/** Called for each destination that the database refuses to remove. The others are purged nevertheless. */
	readonly onFailure?: ((failure: PurgeExpiredFailure) => void) | undefined;
}

/** What {@link purgeExpired} removed or, in a dry run, would remove. */
export interface PurgeExpiredResult {
	/** Destinations that were removed. */
	readonly destinations: number;
	/** Earlier settings that were deleted. */
	readonly settings: number;
	/** Entries of the log that were removed. */
	readonly log: number;
	/** Entries that were appended to the file. */
	readonly exported: number;
	/** Destinations that the database refused to remove. */
	readonly failed: number;
	/** Whether `signal` stopped the run before its end. */
	readonly stopped: boolean;
}

export const purgeExpiredOptions = optionsOf({
	connectionString: text.optional(),
	shards: shardsOption.optional(),
	connection: z.custom<ClientConfig>().optional(),
	deletedOlderThan: date.optional(),
	settingsOlderThan: date.optional(),
	settingsKeep: wholeNumber(0, 2 ** 31 - 1).optional(),
	logOlderThan: date.optional(),
	exportTo: text.min(1, { error: 'must be the name of a file' }).optional(),
	dryRun: flag.optional(),
	batchSize: wholeNumber(1, 10_000).optional(),
	signal: abortSignal.optional(),
	onProgress: callback<NonNullable<PurgeExpiredOptions['onProgress']>>().optional(),
	onFailure: callback<NonNullable<PurgeExpiredOptions['onFailure']>>().optional(),
} satisfies OptionSchemas<PurgeExpiredOptions>);
