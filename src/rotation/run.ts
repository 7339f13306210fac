import { checkUuid } from '../database/scope.ts';
import { keyProvider } from '../encryption/settings-encryption.ts';
import { DestinationsError, KeyUnavailableError, ValidationError } from '../errors.ts';
import type { KeyProvider } from '../keys/key-provider.ts';
import { Keyring } from '../keys/keyring.ts';
import { TenantKeys } from '../keys/tenant-keys.ts';
import type { EncryptedTable } from './encrypted-tables.ts';
import type { MaintenanceConnection } from './maintenance-connection.ts';
import {
	listedFailures,
	type SealedSettingsFailure,
	type SealedSettingsOptions,
} from './options.ts';
import { countWanted, rowIdParts, type SealedRow, type Wanted } from './statements.ts';

const defaultBatchSize = 250;
const largestBatchSize = 10_000;
/** Deriving a key of a ring again costs less than the memory that a run through all organizations would take. */
const derivedKeysOfRing = 500;

/** Counts and failures of a run, and whom to report them to. */
export class Run {
	readonly provider: KeyProvider;
	readonly batchSize: number;
	readonly organizationId: string | undefined;
	readonly failures: SealedSettingsFailure[] = [];
	total = 0;
	done = 0;
	failed = 0;
	/** Whether the provider returned any key so far. */
	hadKeys = false;
	readonly #options: SealedSettingsOptions;

	constructor(options: SealedSettingsOptions) {
		this.#options = options;
		this.provider = keyProvider(options.keys ?? process.env.DESTINATIONS_ENCRYPTION_KEYS);
		this.batchSize = checkBatchSize(options.batchSize);
		const { organizationId } = options;
		this.organizationId =
			organizationId === undefined ? undefined : checkUuid('organizationId', organizationId);
	}

	tenantKeys(): TenantKeys {
		return this.provider instanceof Keyring
			? new TenantKeys(this.provider, derivedKeysOfRing)
			: new TenantKeys(this.provider);
	}

	get stopped(): boolean {
		return this.#options.signal?.aborted === true;
	}

	/** Counts a row that failed, and lets any error pass that does not come from the row. */
	fail(table: EncryptedTable, row: SealedRow, error: unknown): void {
		if (!(error instanceof DestinationsError)) throw error;
		const failure = {
			table: table.name,
			destinationId: row.destination_id,
			...(table.name === 'destinations' ? {} : { version: Number(rowIdParts(row.row_id).at(-1)) }),
			organizationId: row.organization_id,
			code: error.code,
		};
		this.failed += 1;
		if (this.failures.length < listedFailures) this.failures.push(failure);
		this.#options.onFailure?.(failure);
	}

	/** Adds the rows that are wanted to what there is to do. */
	async count(
		connection: MaintenanceConnection,
		table: EncryptedTable,
		wanted: Wanted,
	): Promise<void> {
		const [counted] = await connection.run<{ count: number }>(countWanted(table, wanted));
		this.total += counted?.count ?? 0;
	}

	progress(): void {
		const { done, total, failed } = this;
		this.#options.onProgress?.({ done, total, failed });
	}
}

/**
 * A provider that is down fails every row of a page. Going on would wait for it at each page, and report
 * rows that nothing is wrong with. A single organization whose key is disabled must not end a run, though,
 * so a short page counts only where no key was had before.
 */
export class OutageGuard {
	readonly #run: Run;
	#unavailable = 0;

	constructor(run: Run) {
		this.#run = run;
	}

	note(error: unknown): void {
		if (error instanceof KeyUnavailableError) this.#unavailable += 1;
	}

	/** @throws KeyUnavailableError if no row of the page could have its key. */
	check(rows: number): void {
		if (this.#unavailable < rows) {
			this.#run.hadKeys = true;
			return;
		}
		if (rows === 0 || (this.#run.hadKeys && rows < this.#run.batchSize)) return;
		throw new KeyUnavailableError(
			'The key provider returned none of the keys of a whole page, so the run ended. What was done stays; run it again when the provider answers.',
		);
	}
}

function checkBatchSize(size = defaultBatchSize): number {
	if (Number.isInteger(size) && size >= 1 && size <= largestBatchSize) return size;
	throw new ValidationError([
		{ path: ['batchSize'], message: `must be a whole number from 1 to ${largestBatchSize}` },
	]);
}
