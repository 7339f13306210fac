import { serviceScope } from '../database/scope.ts';
import { ScopedPool } from '../database/scoped-pool.ts';
import { sqlStateOf } from '../database/sql-errors.ts';
import { ConfigurationError, DestinationsError, ValidationError } from '../errors.ts';
import { checkConfiguration } from '../input/options.ts';
import { exportLog } from '../repository/audit/export.ts';
import { pruneLog } from '../repository/audit/prune.ts';
import { type PurgeFailure, pruneSettingsHistory, purgeDeleted } from '../repository/retention.ts';
import { Statements } from '../repository/statements.ts';
import { runOnEachDatabase, sumOf } from '../rotation/each-database.ts';
import { MaintenanceConnection, serviceConfig } from '../rotation/maintenance-connection.ts';
import { countDeleted, countEntries, countSettings, countUnseen } from './counts.ts';
import { ExportFile } from './export-file.ts';
import {
	type PurgeExpiredFailure,
	type PurgeExpiredOptions,
	type PurgeExpiredResult,
	type PurgePart,
	purgeExpiredOptions,
} from './options.ts';

const shortestLogDays = 30;

/**
 * Permanently removes data that is past its retention, of every organization: soft-deleted destinations, earlier settings,
 * and entries of the log, which can be exported first.
 *
 * You can stop or kill it at any moment and run it again, also while services or other runs are active. It works in short
 * transactions, and continues where it stopped. The log keeps a record of each removal.
 *
 * @throws ConfigurationError if no bound is given, an option is unknown or not valid, or the file cannot be written.
 * @throws ValidationError if the file was exported from another database server, or from this one before a crash, a
 * promotion or a restore.
 * @throws UnavailableError or RetryError if the database cannot be reached, or cancels a statement. Finished work is kept.
 *
 * @example
 * ```ts
 * import { purgeExpired } from '@consent-io/destinations';
 *
 * const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000);
 * const { destinations, log } = await purgeExpired({
 *   deletedOlderThan: daysAgo(90),
 *   settingsKeep: 100,
 *   logOlderThan: daysAgo(400),
 *   exportTo: '/var/backups/destinations-audit.jsonl',
 * });
 * process.stdout.write(`${destinations} destinations and ${log} entries are gone\n`);
 * ```
 */
export async function purgeExpired(given: PurgeExpiredOptions): Promise<PurgeExpiredResult> {
	const options = checkConfiguration(of, purgeExpiredOptions, given);
	checkBounds(options);
	const { results, stopped } = await runOnEachDatabase(of, options, purgeOne);
	const sum = (name: Exclude<keyof PurgeExpiredResult, 'stopped'>) =>
		sumOf(results, (result) => result[name]);
	return {
		destinations: sum('destinations'),
		settings: sum('settings'),
		log: sum('log'),
		exported: sum('exported'),
		failed: sum('failed'),
		stopped,
	};
}

const of = 'purgeExpired()';

async function purgeOne(options: PurgeExpiredOptions): Promise<PurgeExpiredResult> {
	const config = { ...serviceConfig(options), max: 2 };
	// Not named, so that it works behind a pooler in transaction mode.
	const pool = new ScopedPool(config, {
		namedStatements: false,
		citus: await distributed(options),
	});
	try {
		const kind = { name: 'purgeExpired', operation: 'purgeExpired', table: 'destinations' };
		return await pool.operations.run(kind, () =>
			new Purge(new Statements(pool, serviceScope({})), options).run(),
		);
	} finally {
		await pool.close();
	}
}

/** Whether the tables are distributed by Citus, as the other commands find out, too. */
async function distributed(options: PurgeExpiredOptions): Promise<boolean> {
	await using connection = await MaintenanceConnection.open(options);
	return connection.citus;
}

function checkBounds(options: PurgeExpiredOptions): void {
	const { deletedOlderThan, settingsOlderThan, settingsKeep, logOlderThan, exportTo, shards } =
		options;
	const problem = [deletedOlderThan, settingsOlderThan, settingsKeep, logOlderThan].every(
		(bound) => bound === undefined,
	)
		? 'there is nothing to purge: give `deletedOlderThan`, `settingsOlderThan`, `settingsKeep` or `logOlderThan`'
		: exportTo !== undefined && logOlderThan === undefined
			? '`exportTo` needs `logOlderThan`; audit.export() exports without removing'
			: logOlderThan !== undefined &&
					logOlderThan.getTime() > Date.now() - shortestLogDays * 86_400_000
				? `\`logOlderThan\` must be ${shortestLogDays} days ago or longer: entries that are younger stay in the log`
				: exportTo !== undefined && shards !== undefined
					? '`exportTo` works on one database: with `shards`, call purgeExpired() for each, with a file of its own'
					: undefined;
	if (problem !== undefined) throw new ConfigurationError(`${of}: ${problem}.`);
}

class Purge {
	readonly #statements: Statements;
	readonly #options: PurgeExpiredOptions;
	readonly #done = { destinations: 0, settings: 0, log: 0, export: 0 };
	#failed = 0;

	constructor(statements: Statements, options: PurgeExpiredOptions) {
		this.#statements = statements;
		this.#options = options;
	}

	async run(): Promise<PurgeExpiredResult> {
		let stopped = false;
		try {
			await this.#destinations();
			await this.#settings();
			await this.#log();
		} catch (error) {
			const { signal } = this.#options;
			if (signal?.aborted !== true || error !== signal.reason) throw error;
			stopped = true;
		}
		const { export: exported, ...removed } = this.#done;
		return { ...removed, exported, failed: this.#failed, stopped };
	}

	/** What each removal in batches is called with. */
	#batches(part: PurgePart, total: number, size = 500) {
		this.#progress(part, 0, total);
		return {
			batch: this.#options.batchSize ?? size,
			onProgress: ({ removed }: { readonly removed: number }) =>
				this.#progress(part, removed, total),
			signal: this.#options.signal,
		};
	}

	#progress(part: PurgePart, done: number, total: number): void {
		this.#done[part] = done;
		this.#options.onProgress?.({ part, done, total });
	}

	/** @returns whether it is only counted. */
	#counts(part: PurgePart, total: number): boolean {
		if (this.#options.dryRun !== true) return false;
		this.#progress(part, total, total);
		return true;
	}

	async #destinations(): Promise<void> {
		const { deletedOlderThan: olderThan, onFailure } = this.#options;
		if (olderThan === undefined) return;
		const total = await countDeleted(this.#statements, olderThan);
		if (this.#counts('destinations', total)) return;
		await purgeDeleted(this.#statements, {
			...this.#batches('destinations', total),
			olderThan,
			onFailure: (failure) => {
				this.#failed += 1;
				onFailure?.(described(failure));
			},
		});
	}

	async #settings(): Promise<void> {
		const { settingsKeep: keep, settingsOlderThan: olderThan, deletedOlderThan } = this.#options;
		if (keep === undefined && olderThan === undefined) return;
		const total = await countSettings(this.#statements, { keep, olderThan, deletedOlderThan });
		if (this.#counts('settings', total)) return;
		const batches = this.#batches('settings', total);
		await pruneSettingsHistory(this.#statements, { ...batches, keep, olderThan });
	}

	async #log(): Promise<void> {
		const { logOlderThan: olderThan } = this.#options;
		if (olderThan === undefined) return;
		const { total, ranges } = await countEntries(this.#statements, olderThan);
		if (this.#counts('log', total)) return;
		const exported = await this.#export();
		const { batch, signal, onProgress } = this.#batches('log', total, 5000);
		await pruneLog(this.#statements, {
			...{ olderThan, ranges, batch, exported, signal },
			onProgress: (removed) => onProgress({ removed }),
		});
	}

	/** @returns the cursor that it ended with. */
	async #export(): Promise<string | undefined> {
		const { exportTo, signal } = this.#options;
		if (exportTo === undefined) return undefined;
		await using file = await ExportFile.open(exportTo);
		const { cursor } = file;
		const total = await countUnseen(this.#statements, cursor).catch(refusedFile(exportTo));
		this.#progress('export', 0, total);
		let done = 0;
		const onCursor = (next: string) => {
			file.reached(next);
			this.#progress('export', done, Math.max(done, total));
		};
		const lines = exportLog(this.#statements, { cursor, onCursor });
		for await (const line of ofThisServer(exportTo, lines)) {
			if (signal?.aborted) await file.save();
			signal?.throwIfAborted();
			await file.append(line);
			done += 1;
		}
		await file.save();
		this.#progress('export', done, Math.max(done, total));
		if (file.cursor === undefined) throw new Error('an export ends with a cursor');
		return file.cursor;
	}
}

/** @throws ConfigurationError where the cursor beside the file is refused. */
async function* ofThisServer(path: string, lines: AsyncIterable<string>): AsyncGenerator<string> {
	try {
		yield* lines;
	} catch (error) {
		refusedFile(path)(error);
	}
}

const refusedFile =
	(path: string) =>
	(error: unknown): never => {
		if (!(error instanceof ValidationError)) throw error;
		throw new ConfigurationError(
			`What was exported to ${path} comes from another database server, or from this one before a crash, a promotion or a restore, so that entries would be missed. Name another file, which begins with the oldest entry that is there.`,
			{ cause: error },
		);
	};

function described({ error, ...of }: PurgeFailure): PurgeExpiredFailure {
	const cause = error instanceof DestinationsError ? (error.cause ?? error) : error;
	const constraint =
		typeof cause === 'object' && cause !== null && 'constraint' in cause
			? cause.constraint
			: undefined;
	const code = error instanceof DestinationsError ? error.code : (sqlStateOf(error) ?? 'unknown');
	return { ...of, code, ...(typeof constraint === 'string' && { constraint }) };
}
