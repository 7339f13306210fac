import { setTimeout as delay } from 'node:timers/promises';
import { Client, type ClientConfig, type QueryResultRow } from 'pg';
import { sqlStateOf } from '../database/sql-errors.ts';
import { translateErrors } from '../database/translate-errors.ts';
import { RetryError } from '../errors.ts';

/** How long a statement waits for a lock. Whoever comes after it waits as long, so it is short, and tried again. */
export const lockTimeout = '40ms';
const tries = 200;
const longestPauseMs = 500;
/** A lock that did not come, a deadlock, and an organization that was deleted in the middle of a page. */
const passing = new Set(['55P03', '40P01', '40001', '23503']);

/** What a step may do: statements of one transaction. */
export interface Transaction {
	rows<Row extends QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>;
	/** Runs a script of several statements. */
	script(text: string): Promise<void>;
}

/** The connection of an adoption, with a lock that keeps a second one away. */
export class AdoptionConnection implements AsyncDisposable {
	readonly #client: Client;

	private constructor(client: Client) {
		this.#client = client;
	}

	/** @throws UnavailableError if the database cannot be reached; RetryError while another adoption is under way. */
	static async open(config: ClientConfig): Promise<AdoptionConnection> {
		const client = new Client(config);
		// A lost connection fails the statement that waits for it; Node would end the process besides.
		client.on('error', () => {});
		await translateErrors(client.connect());
		const connection = new AdoptionConnection(client);
		try {
			// Of a process that was killed, the server still ends the statement under way.
			await client.query(`SET lock_timeout = '20s';
				SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended('consent-destinations adopt', 0));
				SET client_min_messages = warning`);
			return connection;
		} catch (error) {
			await connection[Symbol.asyncDispose]();
			if (sqlStateOf(error) !== '55P03') throw error;
			throw new RetryError('Another adoption is under way in this database. Wait for its end.', {
				cause: error,
			});
		}
	}

	/**
	 * Runs work in one transaction, whole or not at all, and again where a lock did not come in time.
	 *
	 * @param limits settings of the transaction beside those of every one.
	 */
	async transaction<Result>(
		work: (transaction: Transaction) => Promise<Result>,
		limits = '',
	): Promise<Result> {
		for (let attempt = 1; ; attempt += 1) {
			try {
				return await this.#once(work, limits);
			} catch (error) {
				if (!passing.has(sqlStateOf(error) ?? '') || attempt === tries) throw error;
				// By chance, so that it does not meet the same visitor each time.
				await delay(Math.random() * Math.min(longestPauseMs, 50 * attempt));
			}
		}
	}

	/** Runs work and undoes it: what it would have done. */
	async trial<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
		try {
			await this.#client.query(begin);
			return await work(transactionOn(this.#client));
		} finally {
			await this.#client.query('ROLLBACK').catch(() => {});
		}
	}

	async #once<Result>(
		work: (transaction: Transaction) => Promise<Result>,
		limits: string,
	): Promise<Result> {
		try {
			await this.#client.query(`${begin} ${limits}`);
			const result = await work(transactionOn(this.#client));
			await this.#client.query('COMMIT');
			return result;
		} catch (error) {
			await this.#client.query('ROLLBACK').catch(() => {});
			throw error;
		}
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#client.end().catch(() => {});
	}
}

/**
 * With row security off, a table whose rows a policy would hide fails the statement: nothing is taken for absent that
 * is only out of sight. The short wait keeps rows and tables free for others.
 */
const begin = `BEGIN;
	SET LOCAL lock_timeout = '${lockTimeout}'; SET LOCAL statement_timeout = '120s';
	SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = off;
	SET LOCAL idle_in_transaction_session_timeout = '30s';`;

function transactionOn(client: Client): Transaction {
	return {
		async rows<Row extends QueryResultRow>(text: string, values: unknown[] = []) {
			return (await client.query<Row>(text, values)).rows;
		},
		async script(text) {
			await client.query(text);
		},
	};
}
