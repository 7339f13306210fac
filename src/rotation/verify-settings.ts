import { settingsFromJson } from '../encryption/canonical-json.ts';
import { decryptionFailed } from '../encryption/envelope.ts';
import { type PlaintextPolicy, plaintextOption } from '../encryption/settings-encryption.ts';
import { checkPlaintext, storedForm } from '../encryption/stored-settings.ts';
import { checkConfiguration, type OptionSchemas, optionsOf } from '../input/options.ts';
import { shownKeyId } from '../keys/key-provider.ts';
import type { TenantKeys } from '../keys/tenant-keys.ts';
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
import { contextOf, keyIdOf, PageKeys } from './page-keys.ts';
import { OutageGuard, Run } from './run.ts';
import { type SealedRow, selectPage } from './statements.ts';

/** Options of {@link verifySettings}. */
export interface VerifySettingsOptions extends SealedSettingsOptions {
	/**
	 * What to do with rows whose settings are not encrypted. `refuse` reports them as failures, because clients refuse to
	 * read them. `allow-read` accepts them, while a migration is under way.
	 *
	 * @defaultValue `'refuse'`
	 */
	readonly plaintext?: PlaintextPolicy | undefined;
}

const verifyOptions = optionsOf({
	...sealedSettingsSchemas,
	plaintext: plaintextOption.optional(),
} satisfies OptionSchemas<VerifySettingsOptions>);

/** What {@link verifySettings} found. */
export interface VerifySettingsResult {
	/** Rows that were checked. */
	readonly checked: number;
	/**
	 * How many rows each key encrypted, by key id. Rows that do not decrypt are included. `(not a valid key id)` counts the
	 * rows whose key id is not valid.
	 */
	readonly keys: Readonly<Record<string, number>>;
	/** Rows whose settings are not encrypted. */
	readonly plaintext: number;
	/** Rows without settings, which have the default of the column. */
	readonly empty: number;
	/** Rows whose settings do not decrypt. */
	readonly failed: number;
	/** The first 1,000 of these rows. */
	readonly failures: readonly SealedSettingsFailure[];
	/** Whether `signal` stopped the run before its end. */
	readonly stopped: boolean;
}

/**
 * Decrypts all settings as a read would: of every organization, including those of soft-deleted destinations and earlier
 * settings. It changes nothing.
 *
 * @throws ConfigurationError if the keys or the connection are missing or malformed, or an option is unknown.
 * @throws ValidationError if `organizationId` or `batchSize` is not valid.
 * @throws KeyUnavailableError if the key provider returns none of the keys of a whole page.
 * @throws UnavailableError or RetryError if the database cannot be reached, or cancels a statement.
 *
 * @example
 * ```ts
 * import { verifySettings } from '@consent-io/destinations';
 *
 * const { failed, keys } = await verifySettings();
 * const canRetire = failed === 0 && keys['2025-11'] === undefined;
 * ```
 */
export async function verifySettings(
	given: VerifySettingsOptions = {},
): Promise<VerifySettingsResult> {
	const options = checkConfiguration(of, verifyOptions, given);
	const { results, stopped } = await runOnEachDatabase(
		of,
		options,
		(one: VerifySettingsOptions) => {
			const run = new Run(one);
			const kind = { name: 'verifySettings', operation: 'verifySettings', table: 'destinations' };
			return maintenanceOperations(one).run(kind, () => verifyAll(run, one));
		},
	);
	const keys = new Map<string, number>();
	for (const [id, count] of results.flatMap((result) => Object.entries(result.keys))) {
		keys.set(id, (keys.get(id) ?? 0) + count);
	}
	return {
		checked: sumOf(results, ({ checked }) => checked),
		keys: Object.fromEntries(keys),
		plaintext: sumOf(results, ({ plaintext }) => plaintext),
		empty: sumOf(results, ({ empty }) => empty),
		failed: sumOf(results, ({ failed }) => failed),
		failures: firstFailures(results),
		stopped,
	};
}

const of = 'verifySettings()';

async function verifyAll(run: Run, options: VerifySettingsOptions): Promise<VerifySettingsResult> {
	const keys = run.tenantKeys();
	await using connection = await MaintenanceConnection.open(options);
	const verification = new Verification(run, keys, connection, options.plaintext ?? 'refuse');
	for (const table of encryptedTablesOf(connection)) await verification.count(table);
	run.progress();
	for (const table of encryptedTablesOf(connection)) await verification.verify(table);
	const { plaintext, empty, unfinished } = verification;
	return {
		checked: run.done,
		keys: Object.fromEntries(verification.byKeyId),
		plaintext,
		empty,
		failed: run.failed,
		failures: run.failures,
		stopped: unfinished,
	};
}

class Verification {
	readonly byKeyId = new Map<string, number>();
	plaintext = 0;
	empty = 0;
	unfinished = false;
	readonly #run: Run;
	readonly #keys: TenantKeys;
	readonly #connection: MaintenanceConnection;
	readonly #policy: PlaintextPolicy;

	constructor(
		run: Run,
		keys: TenantKeys,
		connection: MaintenanceConnection,
		policy: PlaintextPolicy,
	) {
		this.#run = run;
		this.#keys = keys;
		this.#connection = connection;
		this.#policy = policy;
	}

	get #wanted() {
		return { organizationId: this.#run.organizationId, plaintext: true, empty: true };
	}

	count(table: EncryptedTable): Promise<void> {
		return this.#run.count(this.#connection, table, this.#wanted);
	}

	async verify(table: EncryptedTable): Promise<void> {
		let after: string | undefined;
		for (;;) {
			if (this.#run.stopped) {
				this.unfinished = true;
				return;
			}
			const rows = await this.#connection.run<SealedRow>(
				selectPage(table, this.#wanted, after, this.#run.batchSize),
				byPrimaryKey,
			);
			after = rows.at(-1)?.row_id;
			if (after === undefined) return;
			await this.#verifyPage(table, rows);
			this.#run.done += rows.length;
			this.#run.progress();
		}
	}

	async #verifyPage(table: EncryptedTable, rows: readonly SealedRow[]): Promise<void> {
		const pageKeys = await PageKeys.load(this.#keys, rows, false);
		const outage = new OutageGuard(this.#run);
		for (const row of rows) {
			try {
				this.#verifyRow(pageKeys, row);
			} catch (error) {
				outage.note(error);
				this.#run.fail(table, row, error);
			}
		}
		outage.check(rows.length);
	}

	#verifyRow(pageKeys: PageKeys, row: SealedRow): void {
		switch (storedForm(row.settings, row.plaintext === null)) {
			case 'plaintext':
				this.plaintext += 1;
				checkPlaintext(this.#policy, contextOf(row));
				return;
			case 'empty':
				this.empty += 1;
				return;
			case 'sealed': {
				const keyId = shownKeyId(keyIdOf(row));
				this.byKeyId.set(keyId, (this.byKeyId.get(keyId) ?? 0) + 1);
				if (settingsFromJson(pageKeys.open(row)) === undefined) {
					throw decryptionFailed(contextOf(row));
				}
			}
		}
	}
}
