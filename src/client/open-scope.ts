import { requireConnection } from '../database/execution-context.ts';
import type { HostTransaction } from '../database/host/host-handle.ts';
import { joinTransaction } from '../database/host/host-transaction.ts';
import { noted } from '../database/host/noted.ts';
import { poolerRefusal } from '../database/pooler-errors.ts';
import type { RecentWrites } from '../database/recent-writes.ts';
import { type Replicas, ReplicatedReads } from '../database/replicas.ts';
import type { Scope } from '../database/scope.ts';
import { outOfTime } from '../database/scoped-connection.ts';
import type { ScopedSql } from '../database/scoped-sql.ts';
import { sqlStateOf, transientError } from '../database/sql-errors.ts';
import { translated } from '../database/translate-errors.ts';
import type { SeenRows } from '../encryption/seen-rows.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { UnsupportedError } from '../errors.ts';
import { limitedTo } from '../input/argument-count.ts';
import { callback } from '../input/checks.ts';
import { checkArgument, checkOptions } from '../input/options.ts';
import { originalOf } from '../prisma/driver/driver-errors.ts';
import { scopeClient } from '../prisma/scoped/scoped-client.ts';
import type { ScopedPrismaClient } from '../prisma/scoped/scoped-prisma-client.ts';
import {
	type TransactionOptions,
	transactionOptions,
} from '../prisma/scoped/transaction-options.ts';
import { AuditLog } from '../repository/audit/audit-log.ts';
import type { ConnectionTests } from '../repository/connection-tests.ts';
import { DestinationRepository } from '../repository/repository.ts';
import { Statements } from '../repository/statements.ts';
import { DestinationTable } from '../repository/table.ts';
import type { RepositoryTools } from '../repository/tools.ts';
import type { Database } from './database.ts';

/**
 * What `forOrganization()` and `asService()` return for a transaction of your own. Everything that its clients do is part
 * of this transaction, and is rolled back with it. It works until the transaction ends.
 */
export interface JoinedScope {
	/** Create, read, change and delete destinations. */
	readonly destinations: DestinationRepository;
	/** The audit log: who changed what. */
	readonly audit: AuditLog;
}

/** The clients of one scope. Everything they do runs under row level security, in that scope. */
export interface ScopedTransaction {
	/** Create, read, change, delete and test destinations. */
	readonly destinations: DestinationRepository;
	/** The audit log: who changed what. */
	readonly audit: AuditLog;
	/** The Prisma client of the scope: models, raw queries and `$transaction`. */
	readonly prisma: ScopedPrismaClient;
}

/** What `forOrganization()` and `asService()` return. */
export interface ScopedClient extends ScopedTransaction {
	/**
	 * Runs `work` in one transaction. It is committed when `work` resolves, and rolled back if `work` throws.
	 *
	 * @throws RetryError if the transaction lost against another one, whichever of its calls failed. Run all of it again.
	 * @throws UnavailableError if the database cannot be reached, or no connection was free within `maxWait`.
	 * @throws UnsupportedError if it took longer than `timeout`. It was rolled back.
	 * @throws ValidationError if `work` is not a function, or an option is unknown or not valid.
	 * @throws Whatever `work` throws.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 *
	 * await acme.transaction(async (tx) => {
	 *   const [first] = await tx.destinations.findByType('posthog');
	 *   if (first) await tx.destinations.update(first.id, { enabled: false });
	 * });
	 * ```
	 */
	transaction<R>(
		work: (transaction: ScopedTransaction) => Promise<R>,
		options?: TransactionOptions,
	): Promise<R>;
}

const workOfTransaction = callback();

const transacting = { name: 'transaction', operation: 'transaction' };

/** What all scopes of a client have in common. */
export interface ScopeTools {
	readonly encryption: SettingsEncryption;
	readonly tests: ConnectionTests;
	readonly seen: SeenRows;
	/** Where reads of organizations are sent, if there are any. */
	readonly replicas?: Replicas | undefined;
	/** Kept where there are replicas. */
	readonly writes?: RecentWrites | undefined;
}

/** The clients of a scope. Opens no connection. */
export function openScope(database: Database, scope: Scope, tools: ScopeTools): ScopedClient {
	const { encryption } = tools;
	const { operations } = database.pool;
	// The view has what the type says; see `scopeClient`.
	const view = scopeClient(database.prisma, tools, scope, operations);
	const prisma = view as unknown as ScopedPrismaClient;
	const transact: ScopedClient['transaction'] = async (work, options) => {
		checkArgument('work', workOfTransaction, work);
		const { isolationLevel, ...limits } = checkOptions(transactionOptions, options);
		try {
			return await prisma.$transaction(
				(transaction) =>
					work({
						prisma: transaction,
						...clientsOf(inScope(requireConnection(), scope, { encryption, operations })),
					}),
				isolationLevel === undefined ? limits : { ...limits, isolationLevel },
			);
		} catch (error) {
			const atCommit = originalOf(error);
			if (atCommit !== undefined) throw translated(atCommit);
			throw (
				poolerRefusal(error, sqlStateOf(error)) ??
				transientError(error) ??
				timeoutError(error, limits.timeout) ??
				error
			);
		}
	};
	const transaction: ScopedClient['transaction'] = async (work, options) =>
		operations.run(transacting, () => transact(work, options));
	return {
		prisma,
		...clientsOf(openScopeTools(database, scope, tools)),
		transaction: limitedTo('transaction', 2, transaction),
	};
}

/** The clients of a scope in a transaction of the service's own. Sends nothing. */
export function joinScope(
	{ pool, namedStatements, citus }: Database,
	scope: Scope,
	{ encryption, writes }: ScopeTools,
	transaction: HostTransaction,
): JoinedScope {
	const { nameStatement, operations } = pool;
	// It is committed by the host, some time later.
	const onSent = () => writes?.note(scope, true);
	const sql = noted(
		joinTransaction(transaction, { namedStatements, citus, nameStatement }),
		onSent,
	);
	const joined = clientsOf(inScope(sql, scope, { encryption, operations }));
	// The types have neither; whoever looks for one learns why.
	for (const [name, reason] of Object.entries(missing)) {
		Object.defineProperty(joined, name, {
			get: () => {
				throw new UnsupportedError(reason);
			},
		});
	}
	return joined;
}

const missing = {
	prisma:
		'A scope in a transaction of your own has no `prisma`: the client works on connections of this package. Use `destinations` and `audit`, or scope.transaction().',
	transaction:
		'A scope in a transaction of your own has no `transaction()`: it is in one, which you commit or roll back.',
};

function clientsOf({ destinations, audit }: JoinedScope): JoinedScope {
	return { destinations, audit };
}

/** What a scope on the connections of a pool works with, and its clients besides Prisma's. */
export function openScopeTools(
	{ pool }: Database,
	scope: Scope,
	{ encryption, tests, seen, replicas }: ScopeTools,
): JoinedScope & { readonly tools: RepositoryTools } {
	const { operations } = pool;
	const reads = replicas && new ReplicatedReads(pool, replicas);
	return inScope(pool, scope, { encryption, operations }, { tests, seen, reads });
}

/** @param more left out in a transaction, which may be rolled back with what it wrote. */
function inScope(
	sql: ScopedSql,
	scope: Scope,
	{ encryption, operations }: Pick<RepositoryTools, 'encryption' | 'operations'>,
	{
		seen,
		reads,
		...more
	}: { tests?: ConnectionTests; seen?: SeenRows; reads?: ScopedSql | undefined } = {},
): JoinedScope & { readonly tools: RepositoryTools } {
	const table = new DestinationTable(sql, scope, encryption, seen);
	const statements = new Statements(sql, scope);
	const tools = {
		...{ table, statements, scope, encryption, operations },
		reads: reads === undefined ? table : new DestinationTable(reads, scope, encryption, seen),
		...more,
	};
	return {
		tools,
		destinations: new DestinationRepository(tools),
		audit: new AuditLog(statements, operations),
	};
}

/** For Prisma's error (P2028) of a transaction that was rolled back because its time was up. */
function timeoutError(error: unknown, timeout: number): UnsupportedError | undefined {
	const isTimeout = error instanceof Error && /on an expired transaction/.test(error.message);
	return isTimeout ? new UnsupportedError(outOfTime(timeout), { cause: error }) : undefined;
}
