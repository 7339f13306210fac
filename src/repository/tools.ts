import type { Scope } from '../database/scope.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import type { Operations } from '../telemetry/operations.ts';
import type { ConnectionTests } from './connection-tests.ts';
import type { Statements } from './statements.ts';
import type { DestinationTable } from './table.ts';

/** What the repository of one scope works with. */
export interface RepositoryTools {
	readonly table: DestinationTable;
	/** The same table, for reads that may be answered by a replica. */
	readonly reads: DestinationTable;
	/** For the log, earlier settings and retention. */
	readonly statements: Statements;
	readonly scope: Scope;
	/** Where its methods run as operations. */
	readonly operations: Operations;
	/** Opens earlier settings. */
	readonly encryption: SettingsEncryption;
	/** Left out inside a transaction, which would be held open while a provider is waited for. */
	readonly tests?: ConnectionTests;
}
