import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { flag } from '../input/checks.ts';
import { checkConfiguration, type OptionSchemas, optionsOf } from '../input/options.ts';
import { Keyring } from '../keys/keyring.ts';
import type { TenantKeys } from '../keys/tenant-keys.ts';
import { checkPrimaryKey } from './check-primary-key.ts';
import { firstFailures, runOnEachDatabase, sumOf } from './each-database.ts';
import { type EncryptedTable, encryptedTablesOf } from './encrypted-tables.ts';
import {
	byPrimaryKey,
	MaintenanceConnection,
	maintenanceOperations,
} from './maintenance-connection.ts';
import {
	type SealedSettingsFailure,
	type SealedSettingsOptions,
	sealedSettingsSchemas,
} from './options.ts';
import { resealPage } from './reseal-page.ts';
import { Run } from './run.ts';
import {
	type Replacement,
	replacements,
	type SealedRow,
	selectAgain,
	selectPage,
	type Wanted,
} from './statements.ts';

/** Options of {@link rotateKeys}. */
export interface RotateKeysOptions extends SealedSettingsOptions {
	/** Decrypts and encrypts every row, but writes none. @defaultValue `false` */
	readonly dryRun?: boolean | undefined;
	/** Also encrypts settings that are stored in plaintext. @defaultValue `false` */
	readonly fromPlaintext?: boolean | undefined;
}

const rotateOptions = optionsOf({
	...sealedSettingsSchemas,
	dryRun: flag.optional(),
	fromPlaintext: flag.optional(),
} satisfies OptionSchemas<RotateKeysOptions>);

/** What {@link rotateKeys} did. */
export interface RotateKeysResult {
	/** Rows that are now encrypted with the primary key or, in a dry run, would be. */
	readonly rotated: number;
	/** Rows that others had locked, or changed, at every try. The next run takes them. */
	readonly busy: number;
	/** Rows whose settings did not decrypt. They were not changed. */
	readonly failed: number;
	/** The first 1,000 of these rows. */
	readonly failures: readonly SealedSettingsFailure[];
	/** Whether `signal` stopped the run before its end. */
	readonly stopped: boolean;
}

/** How many pages of rows that were held are remembered, by their primary keys, for another try at the end. */
const rememberedPages = 40;
/** What is waited before each of their tries. The first comes after the rest of the table, so that most are free by then. */
const pausesMs = [0, 200, 400, 800, 1600];

/**
 * Encrypts with the primary key all settings that another key encrypted: of every organization, including those of
 * soft-deleted destinations and earlier settings. Users see no change: `updated_at`, `updated_by` and `version` stay the
 * same.
 *
 * You can stop or kill it at any moment and run it again. Rows that are done are not encrypted again. If a user changes a
 * row meanwhile, the user's settings are kept. Rows that do not decrypt stay unchanged, and are reported.
 *
 * @throws ConfigurationError if the keys or the connection are missing or malformed, an option is unknown, or the primary
 * key decrypts nothing that was encrypted under its id.
 * @throws ValidationError if `organizationId` or `batchSize` is not valid.
 * @throws KeyUnavailableError if the key provider returns none of the keys of a whole page. Finished work is kept.
 * @throws UnavailableError or RetryError if the database cannot be reached, or cancels a statement. Finished work is kept.
 *
 * @example
 * ```ts
 * import { rotateKeys } from '@consent-io/destinations';
 *
 * const { rotated, failures } = await rotateKeys({
 *   keys: process.env.DESTINATIONS_ENCRYPTION_KEYS, // 2026-11:9f1c…,2025-11:07b2…
 *   onProgress: ({ done, total }) => process.stderr.write(`${done} of ${total}\n`),
 * });
 * ```
 */
export async function rotateKeys(given: RotateKeysOptions = {}): Promise<RotateKeysResult> {
	const options = checkConfiguration(of, rotateOptions, given);
	const { results, stopped } = await runOnEachDatabase(of, options, (one: RotateKeysOptions) => {
		const run = new Run(one);
		const kind = { name: 'rotateKeys', operation: 'rotateKeys', table: 'destinations' };
		return maintenanceOperations(one).run(kind, () => rotateAll(run, one));
	});
	return {
		rotated: sumOf(results, ({ rotated }) => rotated),
		busy: sumOf(results, ({ busy }) => busy),
		failed: sumOf(results, ({ failed }) => failed),
		failures: firstFailures(results),
		stopped,
	};
}

const of = 'rotateKeys()';

async function rotateAll(run: Run, options: RotateKeysOptions): Promise<RotateKeysResult> {
	const keys = run.tenantKeys();
	await using reader = await MaintenanceConnection.open(options);
	await using writer = await MaintenanceConnection.open(options);
	const rotation = new Rotation(run, keys, reader, writer, options);
	await rotation.start();
	for (const table of encryptedTablesOf(reader)) await rotation.rotate(table);
	const { failed, failures } = run;
	return {
		rotated: rotation.rotated,
		busy: rotation.busy,
		failed,
		failures,
		stopped: rotation.unfinished,
	};
}

class Rotation {
	rotated = 0;
	busy = 0;
	unfinished = false;
	readonly #run: Run;
	readonly #keys: TenantKeys;
	readonly #reader: MaintenanceConnection;
	readonly #writer: MaintenanceConnection;
	readonly #dryRun: boolean;
	readonly #wanted: Wanted;
	/** The trigger recognises a rotation by the marker, and the audit log writes one entry for each run. */
	readonly #marker =
		`${byPrimaryKey} SET LOCAL destinations.rotation = 'on'; SET LOCAL destinations.rotation_run = '${randomUUID()}';`;

	constructor(
		run: Run,
		keys: TenantKeys,
		reader: MaintenanceConnection,
		writer: MaintenanceConnection,
		{ dryRun = false, fromPlaintext = false }: RotateKeysOptions,
	) {
		this.#run = run;
		this.#keys = keys;
		this.#reader = reader;
		this.#writer = writer;
		this.#dryRun = dryRun;
		this.#wanted = {
			organizationId: run.organizationId,
			// Of a key ring the database can pick the rows; other providers may have a key for each organization.
			exceptKeyId: run.provider instanceof Keyring ? run.provider.primaryKeyId() : undefined,
			plaintext: fromPlaintext,
		};
	}

	async start(): Promise<void> {
		const { exceptKeyId } = this.#wanted;
		for (const table of encryptedTablesOf(this.#reader)) {
			if (exceptKeyId !== undefined) {
				await checkPrimaryKey(this.#reader, this.#keys, table, exceptKeyId);
			}
			await this.#run.count(this.#reader, table, this.#wanted);
		}
		this.#run.progress();
	}

	async rotate(table: EncryptedTable): Promise<void> {
		const held: string[] = [];
		let after: string | undefined;
		let writing: Promise<void> = Promise.resolve();
		try {
			while (!this.#stops()) {
				const rows = await this.#reader.run<SealedRow>(
					selectPage(table, this.#wanted, after, this.#run.batchSize),
					byPrimaryKey,
				);
				after = rows.at(-1)?.row_id;
				if (after === undefined) break;
				const page = await resealPage(this.#run, this.#keys, table, rows);
				// The database writes one page while the next is read and encrypted.
				await writing;
				writing = this.#replace(table, page).then((left) => {
					const remembered = left.slice(0, rememberedPages * this.#run.batchSize - held.length);
					held.push(...remembered);
					this.busy += left.length - remembered.length;
					this.#run.done += rows.length - remembered.length;
					this.#run.progress();
				});
				// Whoever awaits it gets its error, however late.
				writing.catch(() => {});
			}
		} finally {
			await writing;
		}
		await this.#rotateHeld(table, held);
	}

	/** Rows that a user changed or held meanwhile. */
	async #rotateHeld(table: EncryptedTable, held: readonly string[]): Promise<void> {
		let left = held;
		for (const pauseMs of pausesMs) {
			if (left.length === 0) return;
			await delay(pauseMs);
			const again: string[] = [];
			for (let at = 0; at < left.length; at += this.#run.batchSize) {
				if (this.#stops()) return;
				const rowIds = left.slice(at, at + this.#run.batchSize);
				const rows = await this.#reader.run<SealedRow>(
					selectAgain(table, this.#wanted, rowIds),
					byPrimaryKey,
				);
				const page = await resealPage(this.#run, this.#keys, table, rows);
				const stillHeld = await this.#replace(table, page);
				again.push(...stillHeld);
				this.#run.done += rowIds.length - stillHeld.length;
				this.#run.progress();
			}
			left = again;
		}
		this.busy += left.length;
	}

	/** Returns the ids of the rows that did not take their new settings. */
	async #replace(table: EncryptedTable, page: readonly Replacement[]): Promise<string[]> {
		if (page.length === 0) return [];
		if (this.#dryRun) {
			this.rotated += page.length;
			return [];
		}
		const done = new Set<string>();
		for (const statement of replacements(table, page, this.#writer.citus)) {
			const replaced = await this.#writer.run<{ row_id: string }>(statement, this.#marker);
			this.rotated += replaced.length;
			for (const { row_id } of replaced) done.add(row_id);
		}
		return page.map(({ rowId }) => rowId).filter((rowId) => !done.has(rowId));
	}

	#stops(): boolean {
		this.unfinished ||= this.#run.stopped;
		return this.unfinished;
	}
}
