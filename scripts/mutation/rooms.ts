import { existsSync } from 'node:fs';

/** Code whose every change a test must notice, and the fast tests that notice it. */
export interface Room {
	/** Files below `src/`. */
	readonly sources: readonly string[];
	/** Files below `test/`. */
	readonly tests: readonly string[];
}

// Each file by its name: a pattern would go on matching something after a file has moved.
const rooms = {
	envelope: {
		sources: ['encryption/envelope.ts', 'encryption/tenant-key.ts'],
		tests: ['encryption/envelope.test.ts'],
	},
	'settings-encryption': {
		sources: [
			'encryption/settings-encryption.ts',
			'encryption/canonical-id.ts',
			'encryption/stored-settings.ts',
		],
		tests: [
			'encryption/settings-encryption.test.ts',
			'encryption/stored-settings.test.ts',
			'encryption/canonical-id.test.ts',
			'encryption/context.test.ts',
			'encryption/keyring.test.ts',
		],
	},
	json: {
		sources: ['encryption/json.ts'],
		tests: ['encryption/json.test.ts', 'encryption/bad-settings.test.ts'],
	},
	keyring: {
		sources: ['encryption/keyring.ts', 'encryption/key-provider.ts'],
		tests: ['encryption/keyring.test.ts'],
	},
	keys: {
		sources: [
			'encryption/ask-provider.ts',
			'encryption/expiring-cache.ts',
			'encryption/tenant-keys.ts',
		],
		tests: [
			'encryption/ask-provider.test.ts',
			'encryption/key-cache.test.ts',
			'encryption/providers.test.ts',
			'encryption/keyring.test.ts',
		],
	},
	'data-keys': {
		sources: [
			'encryption/data-keys.ts',
			'data-keys/envelope-key-provider.ts',
			'data-keys/postgres-data-keys.ts',
		],
		tests: ['encryption/data-keys.test.ts'],
	},
	query: {
		sources: [
			'tenancy/scoped-query.ts',
			'tenancy/statement-names.ts',
			'tenancy/wire.ts',
			'tenancy/row-shape.ts',
			'database/text-form.ts',
		],
		tests: ['tenancy/scoped-query.test.ts', 'database/text-form.test.ts'],
	},
	connection: {
		sources: [
			'tenancy/scoped-connection.ts',
			'tenancy/scoped-pool.ts',
			'tenancy/discard-session.ts',
		],
		tests: ['tenancy/scoped-pool.test.ts'],
	},
	scope: {
		sources: [
			'tenancy/scope.ts',
			'tenancy/scoped-client.ts',
			'tenancy/transaction-view.ts',
			'tenancy/lazy-promise.ts',
			'tenancy/operation.ts',
		],
		tests: ['tenancy/scope.test.ts', 'tenancy/scoped-client.test.ts'],
	},
	'database-errors': {
		sources: ['database/sql-errors.ts', 'database/retryable.ts'],
		tests: ['database/sql-errors.test.ts'],
	},
	filters: {
		sources: [
			'extension/arguments.ts',
			'extension/models.ts',
			'extension/open-result.ts',
			'extension/operations.ts',
			'extension/selection.ts',
			'extension/soft-deletes.ts',
			'extension/where.ts',
		],
		tests: ['extension/sent-arguments.test.ts', 'extension/opening.test.ts'],
	},
	writes: {
		sources: [
			'extension/copy-arguments.ts',
			'extension/destination-methods.ts',
			'extension/plain-arguments.ts',
			'extension/run-operation.ts',
			'extension/seal.ts',
			'extension/transaction.ts',
			'extension/upsert.ts',
			'extension/writes.ts',
		],
		tests: [
			'extension/sent-writes.test.ts',
			'extension/create.test.ts',
			'extension/update.test.ts',
			'extension/upsert.test.ts',
			'extension/delete.test.ts',
			'extension/nested-create.test.ts',
			'extension/nested-change.test.ts',
			'extension/nested-connect.test.ts',
			'extension/unchanged-arguments.test.ts',
			'extension/batch-transactions.test.ts',
			'extension/interactive-transactions.test.ts',
			'extension/same-settings.test.ts',
		],
	},
	lease: {
		sources: [
			'repository/connection-test.ts',
			'repository/connection-tests.ts',
			'repository/tested-destination.ts',
		],
		tests: [
			'repository/connection.test.ts',
			'repository/connection-lease.test.ts',
			'repository/shared-connection-test.test.ts',
		],
	},
	purge: {
		sources: ['audit/purge.ts'],
		tests: ['audit/purge.test.ts'],
	},
	rotation: {
		sources: [
			'rotation/maintenance-connection.ts',
			'rotation/options.ts',
			'rotation/page-keys.ts',
			'rotation/refuse-impostor.ts',
			'rotation/reseal-page.ts',
			'rotation/rotate-keys.ts',
			'rotation/run.ts',
			'rotation/statements.ts',
			'rotation/stores.ts',
			'rotation/verify-settings.ts',
		],
		tests: [
			'rotation/rotate-keys.test.ts',
			'rotation/verify-settings.test.ts',
			'rotation/from-plaintext.test.ts',
		],
	},
} as const satisfies Record<string, Room>;

export type RoomName = keyof typeof rooms;

export const roomNames = Object.keys(rooms).filter(isRoomName);

export function isRoomName(name: string): name is RoomName {
	return Object.hasOwn(rooms, name);
}

export function roomOf(name: RoomName): Room {
	return rooms[name];
}

/** The files that a room names and that are not there, seen from the root of the project: its tests would hold less than they seem to. */
export function missingFiles({ sources, tests }: Room): string[] {
	return [
		...sources.map((source) => `src/${source}`),
		...tests.map((test) => `test/${test}`),
	].filter((file) => !existsSync(file));
}
