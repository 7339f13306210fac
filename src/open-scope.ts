import { AuditLog } from './audit/audit-log.ts';
import type { SettingsEncryption } from './encryption/settings-encryption.ts';
import type { Database, ScopedPrismaClient } from './prisma.ts';
import type { ConnectionTests } from './repository/connection-tests.ts';
import { DestinationRepository } from './repository/repository.ts';
import { Statements } from './repository/statements.ts';
import { DestinationTable } from './repository/table.ts';
import { requireConnection, type Scope } from './tenancy/scope.ts';
import { scopeClient } from './tenancy/scoped-client.ts';
import type { ScopedSql } from './tenancy/scoped-sql.ts';

/** The clients of one scope. Everything they do runs under row level security, in that scope. */
export interface ScopedTransaction {
	/** Create, read, change, delete and test destinations. */
	readonly destinations: DestinationRepository;
	/** Who changed what. */
	readonly audit: AuditLog;
	/** The Prisma client, in scope: models, raw queries and `$transaction`. */
	readonly prisma: ScopedPrismaClient;
}

/** What `forOrganization()` and `asService()` give. */
export interface ScopedClient extends ScopedTransaction {
	/**
	 * Runs `work` in one transaction: all of it happens, or, when it throws, nothing.
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
	transaction<R>(work: (transaction: ScopedTransaction) => Promise<R>): Promise<R>;
}

/** What all scopes of a client have in common. */
export interface ScopeTools {
	readonly encryption: SettingsEncryption;
	readonly tests: ConnectionTests;
}

/** The clients of a scope. Opens no connection. */
export function openScope(
	database: Database,
	scope: Scope,
	{ encryption, tests }: ScopeTools,
): ScopedClient {
	const inScope = (
		prisma: ScopedPrismaClient,
		sql: ScopedSql,
		more: { tests?: ConnectionTests },
	) => {
		const table = new DestinationTable(sql, scope, encryption);
		const statements = new Statements(sql, scope);
		return {
			prisma,
			destinations: new DestinationRepository({ table, statements, scope, encryption, ...more }),
			audit: new AuditLog(statements),
		};
	};
	// The view has what the type says; see `scopeClient`.
	const prisma = scopeClient(database.prisma, encryption, scope) as unknown as ScopedPrismaClient;
	return {
		...inScope(prisma, database.pool, { tests }),
		transaction: (work) =>
			prisma.$transaction((transaction) => work(inScope(transaction, requireConnection(), {}))),
	};
}
