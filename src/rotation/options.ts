import type { ClientConfig } from 'pg';
import { z } from 'zod';
import { type Shard, shardsOption } from '../database/shards.ts';
import { type Keys, keysOption } from '../encryption/settings-encryption.ts';
import type { DestinationsErrorCode } from '../errors.ts';
import { abortSignal, callback, text } from '../input/checks.ts';
import type { OptionSchemas } from '../input/options.ts';
import type { EncryptedTable } from './encrypted-tables.ts';

/** Options that {@link rotateKeys} and {@link verifySettings} have in common. */
export interface SealedSettingsOptions {
	/**
	 * URL of the database. Its login can switch to the role `service_role`.
	 *
	 * @defaultValue the environment variable `DATABASE_SERVICE_URL`, or else `DATABASE_URL`, unless `connection` names a host
	 */
	readonly connectionString?: string | undefined;
	/**
	 * Databases among which the organizations are divided; see the client's option. Leave out `connectionString`. The run
	 * handles one database after another, with `serviceConnectionString` if the shard has one. If one fails, the others are
	 * handled nevertheless; then its error is thrown, with the database in the message.
	 *
	 * @defaultValue one database
	 */
	readonly shards?: readonly (string | Shard)[] | undefined;
	/** Options of pg's client, such as TLS (https://node-postgres.com/apis/client). @defaultValue none */
	readonly connection?: ClientConfig | undefined;
	/**
	 * The keys: text such as `id:hex,id:hex`, or a key provider.
	 *
	 * @defaultValue the environment variable `DESTINATIONS_ENCRYPTION_KEYS`
	 */
	readonly keys?: Keys | undefined;
	/** UUID of the organization to which the run is limited. @defaultValue every organization */
	readonly organizationId?: string | undefined;
	/** Rows in one page, from 1 to 10,000. @defaultValue 250 */
	readonly batchSize?: number | undefined;
	/** Stops after the page under way. Finished work is kept: run it again to continue. @defaultValue `undefined` */
	readonly signal?: AbortSignal | undefined;
	/** Called after every page. */
	readonly onProgress?: ((progress: SealedSettingsProgress) => void) | undefined;
	/** Called for every row whose settings do not decrypt. */
	readonly onFailure?: ((failure: SealedSettingsFailure) => void) | undefined;
}

/** The progress of a run on one database. */
export interface SealedSettingsProgress {
	/** Host, port and name of the database, if there are `shards`. */
	readonly database?: string;
	/** Rows processed so far. */
	readonly done: number;
	/** Rows to process, as counted at the start. */
	readonly total: number;
	/** Rows whose settings did not decrypt. */
	readonly failed: number;
}

/** A row whose settings do not decrypt. Never holds settings or keys. */
export interface SealedSettingsFailure {
	/** Host, port and name of the database, if there are `shards`. */
	readonly database?: string;
	/** The table: `destinations`, or `destination_settings_history` for settings that were replaced. */
	readonly table: EncryptedTable['name'];
	/** UUID. */
	readonly destinationId: string;
	/** For replaced settings, the version that had them; undefined for the current settings. */
	readonly version?: number;
	/** UUID. */
	readonly organizationId: string;
	/** The code of the error that a read of this row throws. */
	readonly code: DestinationsErrorCode;
}

/** How many failures a result lists; `onFailure` is called for all, so that memory stays bounded. */
export const listedFailures = 1000;

/** Schemas of {@link SealedSettingsOptions}. Which rows are meant is checked as input, when a run begins. */
export const sealedSettingsSchemas = {
	connectionString: text.optional(),
	shards: shardsOption.optional(),
	connection: z.custom<ClientConfig>().optional(),
	keys: keysOption.optional(),
	organizationId: z.custom<string>().optional(),
	batchSize: z.custom<number>().optional(),
	signal: abortSignal.optional(),
	onProgress: callback<NonNullable<SealedSettingsOptions['onProgress']>>().optional(),
	onFailure: callback<NonNullable<SealedSettingsOptions['onFailure']>>().optional(),
} satisfies OptionSchemas<SealedSettingsOptions>;
