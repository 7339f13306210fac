import type { ClientConfig } from 'pg';
import { z } from 'zod';
import { type Keys, keysOption } from '../encryption/settings-encryption.ts';
import { abortSignal, callback, text, wholeNumber } from '../input/checks.ts';
import { type OptionSchemas, optionsOf } from '../input/options.ts';
import type { Found } from './inspect.ts';
import type { UnfitRow } from './rows.ts';

/** How far an adoption goes: it looks and changes nothing, does all but the move, or does all of it. */
export type AdoptionGoal = 'look' | 'prepare' | 'apply';

export interface AdoptOptions {
	/** URL of the database, with the login that owns the table. @defaultValue the environment variable `DATABASE_URL` */
	readonly connectionString?: string | undefined;
	/** Options of pg's client, such as TLS. @defaultValue none */
	readonly connection?: ClientConfig | undefined;
	/** The keys: `id:hex,id:hex`, or a provider. @defaultValue the environment variable `DESTINATIONS_ENCRYPTION_KEYS` */
	readonly keys?: Keys | undefined;
	/** 64 hexadecimal digits: the key of settings that are encrypted as `{ encrypted, iv, tag }`. @defaultValue there are none */
	readonly formerKey?: string | undefined;
	/** @defaultValue `'look'` */
	readonly goal?: AdoptionGoal | undefined;
	/** Rows of one transaction, 1 to 10,000. @defaultValue 250 */
	readonly batchSize?: number | undefined;
	/** Stops after the transaction under way. Nothing is lost: the next run goes on. @defaultValue never */
	readonly signal?: AbortSignal | undefined;
	/** Called with what there is, before anything happens. */
	readonly onFound?: ((found: Found) => void) | undefined;
	/** Called when a step is about to begin. */
	readonly onStep?: ((step: string) => void) | undefined;
	/** Called after each page of rows. */
	readonly onProgress?: ((progress: AdoptionProgress) => void) | undefined;
	/** Called for each row that cannot be adopted as it is. */
	readonly onUnfit?: ((row: UnfitRow) => void) | undefined;
}

interface AdoptionProgress {
	/** Rows looked at, or copied. */
	readonly done: number;
	/** Rows there were at the start. */
	readonly total: number;
	/** Rows that cannot be adopted as they are. */
	readonly failed: number;
}

export const adoptOptions = optionsOf({
	connectionString: text.optional(),
	connection: z.custom<ClientConfig>().optional(),
	keys: keysOption.optional(),
	formerKey: text.optional(),
	goal: z.enum(['look', 'prepare', 'apply']).optional(),
	batchSize: wholeNumber(1, 10_000).optional(),
	signal: abortSignal.optional(),
	onFound: callback<NonNullable<AdoptOptions['onFound']>>().optional(),
	onStep: callback<NonNullable<AdoptOptions['onStep']>>().optional(),
	onProgress: callback<NonNullable<AdoptOptions['onProgress']>>().optional(),
	onUnfit: callback<NonNullable<AdoptOptions['onUnfit']>>().optional(),
} satisfies OptionSchemas<AdoptOptions>);
