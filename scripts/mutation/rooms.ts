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
		sources: ['encryption/envelope.ts', 'keys/tenant-key.ts'],
		tests: ['encryption/envelope.test.ts'],
	},
	'settings-encryption': {
		sources: [
			'encryption/settings-encryption.ts',
			'ids/canonical-id.ts',
			'encryption/stored-settings.ts',
		],
		tests: [
			'encryption/settings-encryption.test.ts',
			'encryption/stored-settings.test.ts',
			'encryption/canonical-id.test.ts',
			'encryption/context.test.ts',
			'encryption/key-cache.test.ts',
			'encryption/keyring.test.ts',
		],
	},
	json: {
		sources: ['encryption/canonical-json.ts'],
		tests: ['encryption/json.test.ts', 'encryption/bad-settings.test.ts'],
	},
	keyring: {
		sources: ['keys/keyring.ts', 'keys/key-provider.ts', 'keys/new-key.ts'],
		tests: ['encryption/keyring.test.ts'],
	},
	keys: {
		sources: ['keys/call-provider.ts', 'keys/expiring-cache.ts', 'keys/tenant-keys.ts'],
		tests: [
			'encryption/ask-provider.test.ts',
			'encryption/key-cache.test.ts',
			'encryption/providers.test.ts',
			'encryption/keyring.test.ts',
		],
	},
	'data-keys': {
		sources: [
			'keys/data-keys.ts',
			'keys/kms/envelope-key-provider.ts',
			'keys/kms/postgres-data-keys.ts',
		],
		tests: ['encryption/data-keys.test.ts'],
	},
	query: {
		sources: [
			'database/scoped-query.ts',
			'database/scope-steps.ts',
			'database/statement-names.ts',
			'database/pg-protocol.ts',
			'database/row-shape.ts',
			'database/text-form.ts',
		],
		tests: ['tenancy/scoped-query.test.ts', 'database/text-form.test.ts'],
	},
	connection: {
		sources: [
			'database/scoped-connection.ts',
			'database/scoped-pool.ts',
			'database/discard-session.ts',
		],
		tests: ['tenancy/scoped-pool.test.ts', 'tenancy/scoped-query.test.ts'],
	},
	scope: {
		sources: [
			'database/scope.ts',
			'prisma/scoped/scoped-client.ts',
			'prisma/scoped/transaction-view.ts',
			'prisma/scoped/lazy-promise.ts',
			'prisma/scoped/operation.ts',
		],
		tests: ['tenancy/scope.test.ts', 'tenancy/scoped-client.test.ts'],
	},
	'host-transactions': {
		sources: [
			'database/host/host-block.ts',
			'database/host/host-errors.ts',
			'database/host/host-steps.ts',
			'database/host/host-transaction.ts',
			'database/host/pg-transaction.ts',
			'database/host/query-transaction.ts',
			'database/host/record-text.ts',
			'database/host/turns.ts',
		],
		tests: ['transactions/attacks.test.ts', 'transactions/every-kind.test.ts'],
	},
	'database-errors': {
		sources: [
			'database/constraints.ts',
			'database/retryable.ts',
			'database/sql-errors.ts',
			'database/translate-errors.ts',
		],
		tests: ['database/refusals.test.ts', 'database/sql-errors.test.ts'],
	},
	filters: {
		sources: [
			'encryption/open-row.ts',
			'prisma/extension/models.ts',
			'prisma/extension/open-result.ts',
			'prisma/extension/operations.ts',
			'prisma/extension/selection.ts',
			'prisma/extension/soft-deletes.ts',
			'prisma/extension/where.ts',
		],
		tests: ['prisma/extension/sent-arguments.test.ts', 'prisma/extension/opening.test.ts'],
	},
	arguments: {
		sources: [
			'prisma/extension/copy-arguments.ts',
			'prisma/extension/destination-methods.ts',
			'prisma/extension/plain-arguments.ts',
		],
		tests: ['prisma/extension/copied-arguments.test.ts', 'prisma/extension/checked-client.test.ts'],
	},
	'nested-writes': {
		sources: [
			'prisma/extension/arguments.ts',
			'prisma/extension/nested-writes.ts',
			'prisma/extension/writes.ts',
		],
		tests: ['prisma/extension/sent-writes.test.ts', 'prisma/extension/sent-arguments.test.ts'],
	},
	writes: {
		sources: [
			'prisma/extension/run-operation.ts',
			'prisma/extension/seal.ts',
			'prisma/extension/transaction.ts',
			'prisma/extension/upsert.ts',
		],
		tests: [
			'prisma/extension/sent-settings.test.ts',
			'prisma/extension/current-transaction.test.ts',
		],
	},
	lease: {
		sources: [
			'repository/connection-test.ts',
			'repository/connection-tests.ts',
			'repository/tested-destination.ts',
		],
		tests: [
			'repository/awaited-connection-test.test.ts',
			'repository/shared-connection-test.test.ts',
			'repository/connection-lease.test.ts',
			'repository/connection.test.ts',
		],
	},
	purge: {
		sources: ['repository/retention.ts'],
		tests: ['repository/audit/purge.test.ts'],
	},
	'seen-rows': {
		sources: ['encryption/seen-rows.ts'],
		tests: ['encryption/seen-rows.test.ts'],
	},
	'loading-memory': {
		sources: [
			'loading/batches.ts',
			'loading/cache.ts',
			'loading/consent.ts',
			'loading/opening.ts',
			'loading/organization.ts',
			'loading/reads.ts',
			'loading/status.ts',
		],
		tests: ['loading/consent.test.ts', 'loading/memory.test.ts'],
	},
	'loading-feed': {
		sources: ['loading/feed.ts', 'loading/server.ts'],
		tests: ['loading/feed.test.ts'],
	},
	'loading-store': {
		sources: ['loading/store.ts'],
		tests: ['loading/store.test.ts'],
	},
	'rotation-keys': {
		sources: [
			'rotation/check-primary-key.ts',
			'rotation/maintenance-connection.ts',
			'rotation/page-keys.ts',
			'rotation/reseal-page.ts',
		],
		tests: [
			'rotation/check-primary-key.test.ts',
			'rotation/maintenance-connection.test.ts',
			'rotation/page-keys.test.ts',
			'rotation/reseal-page.test.ts',
			'rotation/statements.test.ts',
		],
	},
	rotation: {
		sources: [
			'rotation/encrypted-tables.ts',
			'rotation/options.ts',
			'rotation/rotate-keys.ts',
			'rotation/run.ts',
			'rotation/statements.ts',
		],
		tests: [
			'rotation/check-primary-key.test.ts',
			'rotation/from-plaintext.test.ts',
			'rotation/held-rows.test.ts',
			'rotation/key-per-organization.test.ts',
			'rotation/maintenance-connection.test.ts',
			'rotation/reseal-page.test.ts',
			'rotation/rotate-keys.test.ts',
			'rotation/run.test.ts',
			'rotation/statements.test.ts',
			'rotation/verify-settings.test.ts',
		],
	},
	'several-databases': {
		sources: ['rotation/each-database.ts'],
		tests: ['shards/runs.test.ts'],
	},
	verification: {
		sources: ['rotation/verify-settings.ts'],
		tests: ['rotation/maintenance-connection.test.ts', 'rotation/verify-settings.test.ts'],
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
