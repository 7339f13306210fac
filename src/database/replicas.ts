import type { PoolConfig } from 'pg';
import { ConfigurationError } from '../errors.ts';
import { withDatabaseAddress } from './database-address.ts';
import type { Reading } from './execution-context.ts';
import { askFitness, askPosition, judge } from './question.ts';
import { type RecentWrites, unknown } from './recent-writes.ts';
import type { Scope } from './scope.ts';
import { ScopedPool } from './scoped-pool.ts';
import type { ReadRow, ScopedSql, StatementOptions, TextRow } from './scoped-sql.ts';
import { meaningOf } from './sql-errors.ts';

/** How long a replica may take to answer, in milliseconds. The primary can be asked in its place. */
const maxConnectMillis = 1000;
const maxReadMillis = 5000;

/** How long a replica is left alone that did not answer; twice as long each time. */
const firstRestMillis = 500;
const lastRestMillis = 30_000;

/**
 * Options of pg for the pool of each replica: the same as the primary's, but for where it is.
 *
 * @throws ConfigurationError that says which of them cannot be read, and quotes nothing of it.
 */
export function replicaConfigs(urls: readonly string[], pool: PoolConfig): PoolConfig[] {
	return urls.map((url, at) => {
		if (url === '') {
			throw new ConfigurationError(`replicas[${at}] is empty. Leave it out, or pass its URL.`);
		}
		try {
			return {
				...withDatabaseAddress(url, pool, 'pool'),
				connectionTimeoutMillis: atMost(maxConnectMillis, pool.connectionTimeoutMillis),
				query_timeout: atMost(maxReadMillis, pool.query_timeout),
			};
		} catch (error) {
			if (!(error instanceof ConfigurationError)) throw error;
			throw new ConfigurationError(`replicas[${at}]: ${error.message}`);
		}
	});
}

/** 0 is without a limit. */
const atMost = (limit: number, given: number | undefined) => Math.min(limit, given || limit);

/** A replica, and how it has answered. */
class Replica {
	readonly pool: ScopedPool;
	#restMillis = 0;
	#restsUntil = 0;
	/** Whether a read tries whether it answers again. */
	#tried = false;

	constructor(config: PoolConfig, namedStatements: boolean) {
		this.pool = new ScopedPool(config, {
			...{ namedStatements, roleAtRest: 'authenticated', login: 'replica' },
		});
	}

	/** Whether it answered the last time. */
	get isUsed(): boolean {
		return this.#restMillis === 0;
	}

	/** Whether a read may be sent to it. After a rest one read alone tries it. */
	isFree(): boolean {
		return this.isUsed || (!this.#tried && performance.now() >= this.#restsUntil);
	}

	/** Runs a read here. Returns nothing where the primary must be asked. */
	async read<T>(
		position: string | undefined,
		attempt: (reading: Reading) => Promise<T>,
	): Promise<{ readonly value: T } | undefined> {
		const question = askFitness(position);
		this.#tried = true;
		try {
			const value = await attempt({ replica: this.pool, question });
			const judgement = judge(question);
			if (judgement === 'unfit') this.#rest();
			else this.#restMillis = 0;
			return judgement === 'fit' ? { value } : undefined;
		} catch (error) {
			// Whatever it is, the primary says it as well, or knows better: a table may be missing whose migration is not here yet.
			if (meaningOf(error) === 'unavailable' || error instanceof ConfigurationError) this.#rest();
			return undefined;
		} finally {
			this.#tried = false;
		}
	}

	#rest(): void {
		// Reads that were under way at once say one thing.
		if (performance.now() < this.#restsUntil) return;
		this.#restMillis = Math.min(Math.max(firstRestMillis, this.#restMillis * 2), lastRestMillis);
		this.#restsUntil = performance.now() + this.#restMillis;
	}
}

/** Connections of a replica at this moment, and whether reads go there. */
export interface ReplicaCounts {
	readonly total: number;
	readonly idle: number;
	readonly waiting: number;
	readonly isUsed: boolean;
}

/** Replicas of a primary, for the reads of organizations that nothing was written after. */
export class Replicas {
	readonly #replicas: readonly Replica[];
	readonly #writes: RecentWrites;
	#next = 0;
	#asksPosition = true;
	#closed = false;

	constructor(configs: readonly PoolConfig[], writes: RecentWrites, namedStatements: boolean) {
		this.#replicas = configs.map((config) => new Replica(config, namedStatements));
		this.#writes = writes;
	}

	/**
	 * Runs a read: on a replica that has all that this process wrote for the organization, or else on the primary.
	 *
	 * @param attempt sends the read to the server that it is given, and may be called twice.
	 */
	async read<T>({ organizationId }: Scope, attempt: (reading: Reading) => Promise<T>): Promise<T> {
		if (organizationId === undefined || this.#closed) return attempt({});
		const position = this.#writes.positionFor(organizationId);
		if (position === unknown) return this.#readAndLearn(attempt);
		const answer = await this.#choose()?.read(position, attempt);
		return answer === undefined ? attempt({}) : answer.value;
	}

	/** Reads from the primary, which says where its log ends in the same round trip. */
	async #readAndLearn<T>(attempt: (reading: Reading) => Promise<T>): Promise<T> {
		if (!this.#asksPosition) return attempt({});
		const question = askPosition();
		const learn = this.#writes.beginToLearn();
		try {
			const value = await attempt({ question });
			const [position] = question.answers[0] ?? [];
			if (typeof position === 'string') learn(position);
			return value;
		} catch (error) {
			if (!question.refused) throw error;
			// The function was taken from everybody: whoever writes reads from the primary then.
			this.#asksPosition = false;
			return attempt({});
		}
	}

	/** In turn, of those that answer. */
	#choose(): Replica | undefined {
		for (let tried = 0; tried < this.#replicas.length; tried += 1) {
			const replica = this.#replicas[this.#next % this.#replicas.length];
			this.#next += 1;
			if (replica?.isFree()) return replica;
		}
		return undefined;
	}

	/** In the order in which they were given. */
	counts(): ReplicaCounts[] {
		return this.#replicas.map(({ pool, isUsed }) => {
			const { total, idle, waiting } = pool.counts();
			return { total, idle, waiting, isUsed };
		});
	}

	async close(): Promise<void> {
		this.#closed = true;
		await Promise.all(this.#replicas.map(({ pool }) => pool.close()));
	}
}

/** Reads by SQL, wherever {@link Replicas} send them. */
export class ReplicatedReads implements ScopedSql {
	readonly #primary: ScopedPool;
	readonly #replicas: Replicas;

	constructor(primary: ScopedPool, replicas: Replicas) {
		this.#primary = primary;
		this.#replicas = replicas;
	}

	run(
		scope: Scope,
		text: string,
		values: unknown[],
		options?: StatementOptions,
	): Promise<TextRow[]> {
		return this.#replicas.read(scope, (reading) =>
			(reading.replica ?? this.#primary).run(scope, text, values, options, reading),
		);
	}

	/** A row is read once it is known that its server's answer counts. */
	async read<Row>(
		scope: Scope,
		text: string,
		values: unknown[],
		readRow: ReadRow<Row>,
		options?: StatementOptions,
	): Promise<Row[]> {
		return (await this.run(scope, text, values, options)).map(readRow);
	}

	transaction<T>(scope: Scope, work: (sql: ScopedSql) => Promise<T>): Promise<T> {
		return this.#primary.transaction(scope, work);
	}
}
