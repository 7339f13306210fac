import type { ClientConfig } from 'pg';
import { z } from 'zod';
import { type Shard, shardsOption } from '../database/shards.ts';
import { abortSignal, callback, date, flag, text, wholeNumber } from '../input/checks.ts';
import { type OptionSchemas, optionsOf } from '../input/options.ts';

/** What is purged, in this order; `export` is the copy of the log that is made before its entries go. */
export type PurgePart = 'destinations' | 'settings' | 'export' | 'log';

/** How far a purge is, on one database. */
export interface PurgeProgress {
	/** Host, port and name of the database, where it is one of `shards`. */
	readonly database?: string;
	/** What is removed, or exported. */
	readonly part: PurgePart;
	/** Rows that are gone, or exported. */
	readonly done: number;
	/** Rows that are to go, as counted when the part began. */
	readonly total: number;
}

/** A destination that the database refused to remove, as when a table of the service's own refers to it. */
export interface PurgeExpiredFailure {
	/** Host, port and name of the database, where it is one of `shards`. */
	readonly database?: string;
	/** UUID. */
	readonly destinationId: string;
	/** UUID. */
	readonly organizationId: string;
	/** The code of this package's error, or else Postgres's SQLSTATE. */
	readonly code: string;
	/** The constraint that it met, if it was one. */
	readonly constraint?: string;
}

/** Options of {@link purgeExpired}. At least one bound. */
export interface PurgeExpiredOptions {
	/**
	 * URL of the database, with a login that can switch to the role `service_role`.
	 *
	 * @defaultValue the environment variable `DATABASE_SERVICE_URL`, or else `DATABASE_URL`, unless `connection` names a host
	 */
	readonly connectionString?: string | undefined;
	/**
	 * Databases that share the organizations among them, as the client's option of this name and without `connectionString` and `exportTo`: the run goes over one after
	 * the other, each with `serviceConnectionString` where it has one. What goes wrong on one is thrown once the others are done, and the message names it.
	 *
	 * @defaultValue one database
	 */
	readonly shards?: readonly (string | Shard)[] | undefined;
	/** Options of pg's client, such as TLS (https://node-postgres.com/apis/client). @defaultValue none */
	readonly connection?: ClientConfig | undefined;
	/** Purges destinations that were soft-deleted before this. @defaultValue none are purged */
	readonly deletedOlderThan?: Date | undefined;
	/** Deletes earlier settings that were replaced before this. @defaultValue of any age */
	readonly settingsOlderThan?: Date | undefined;
	/** How many earlier settings each destination keeps. @defaultValue any number */
	readonly settingsKeep?: number | undefined;
	/** Removes entries of the log that were recorded before this, 30 days ago or longer. @defaultValue none are removed */
	readonly logOlderThan?: Date | undefined;
	/**
	 * A file that the log is appended to before entries go, as JSON Lines (https://jsonlines.org); nothing is removed that is not
	 * in it. Beside it, in a file of the same name with `.cursor` behind, stands where the next run goes on.
	 *
	 * @defaultValue the log is not exported
	 */
	readonly exportTo?: string | undefined;
	/** Counts what would go, and removes and exports nothing. @defaultValue `false` */
	readonly dryRun?: boolean | undefined;
	/** Rows of one transaction, 1 to 10,000. @defaultValue 500, of the log 5,000 */
	readonly batchSize?: number | undefined;
	/** Stops after the transactions under way. Nothing is lost: the next run goes on. @defaultValue never */
	readonly signal?: AbortSignal | undefined;
	/** Called when a part begins and after each transaction. */
	readonly onProgress?: ((progress: PurgeProgress) => void) | undefined;
	/** Called for each destination that the database refused to remove; the others are purged all the same. */
	readonly onFailure?: ((failure: PurgeExpiredFailure) => void) | undefined;
}

/** What {@link purgeExpired} removed; in a dry run, what it would. */
export interface PurgeExpiredResult {
	/** Destinations. */
	readonly destinations: number;
	/** Earlier settings. */
	readonly settings: number;
	/** Entries of the log. */
	readonly log: number;
	/** Entries that were appended to the file. */
	readonly exported: number;
	/** Destinations that the database refused to remove. */
	readonly failed: number;
	/** Whether `signal` ended the run before its end. */
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
