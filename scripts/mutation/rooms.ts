/** Code whose every change a test must notice, and the fast tests that notice it. */
export interface Room {
	/** Files of `src/`. */
	readonly sources: readonly string[];
	/** Paths of tests, as patterns of Jest's `testMatch` below `test/`. */
	readonly tests: readonly string[];
}

const rooms = {
	envelope: {
		sources: ['encryption/envelope.ts', 'encryption/tenant-key.ts'],
		tests: ['encryption/{envelope,round-trip}.test.ts'],
	},
	'settings-encryption': {
		sources: ['encryption/settings-encryption.ts', 'encryption/canonical-id.ts'],
		tests: ['encryption/{envelope,round-trip,bad-settings,providers,keyring}.test.ts'],
	},
	json: {
		sources: ['encryption/json.ts'],
		tests: ['encryption/{json,round-trip,bad-settings}.test.ts'],
	},
	keyring: {
		sources: ['encryption/keyring.ts'],
		tests: ['encryption/keyring.test.ts'],
	},
	keys: {
		sources: [
			'encryption/ask-provider.ts',
			'encryption/data-keys.ts',
			'encryption/expiring-cache.ts',
			'encryption/tenant-keys.ts',
			'data-keys/*.ts',
		],
		tests: [
			'encryption/{envelope-key-provider,key-cache,provider-outage,providers,providers-in-client}.test.ts',
		],
	},
	query: {
		sources: ['tenancy/{scoped-query,statement-names,wire}.ts'],
		tests: ['tenancy/{round-trips,wire,same-tick,one-connection,raw-sql}.test.ts'],
	},
	connection: {
		sources: ['tenancy/{scoped-connection,scoped-pool,discard-session}.ts'],
		tests: ['tenancy/{lost-connections,one-connection,unusable,same-tick,raw-sql}.test.ts'],
	},
	scope: {
		sources: ['tenancy/scope.ts'],
		tests: ['tenancy/{claims,scopes,refusal,logins}.test.ts'],
	},
	filters: {
		sources: ['extension/{soft-deletes,where,selection,arguments}.ts'],
		tests: ['extension/{counts-and-filters,read,selection,fluent,refused}.test.ts'],
	},
	writes: {
		sources: ['extension/{writes,seal,run-operation,destination-methods}.ts'],
		tests: [
			'extension/{create,update,upsert,delete,nested-create,nested-change,nested-connect,refused}.test.ts',
		],
	},
	lease: {
		sources: ['repository/connection-test.ts'],
		tests: ['repository/connection.test.ts'],
	},
	purge: {
		sources: ['audit/purge.ts'],
		tests: ['audit/purge.test.ts'],
	},
	rotation: {
		sources: ['rotation/*.ts'],
		tests: ['rotation/{rotate-keys,verify-settings,from-plaintext}.test.ts'],
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
