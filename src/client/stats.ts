/** Connections to the database at this moment. */
export interface ConnectionStats {
	/** Open connections, in use or idle. */
	readonly total: number;
	/** Open connections that are idle. */
	readonly idle: number;
	/** Calls that wait for a connection. */
	readonly waiting: number;
}

/** Connections to a replica, and whether reads are sent to it. */
export interface ReplicaStats extends ConnectionStats {
	/** Whether reads are sent to it. False once it does not answer or is too far behind, until a later try succeeds. */
	readonly isUsed: boolean;
}

/** Connections to one database: of both logins together, and of each login. */
export interface DatabaseStats extends ConnectionStats {
	/** Connections of the login for organizations. */
	readonly tenants: ConnectionStats;
	/** Connections of the login for `asService()`. The same as `tenants` if one login serves both. */
	readonly service: ConnectionStats;
	/** Connections to the replicas, in the order of the option. They are not counted in the other numbers. */
	readonly replicas: readonly ReplicaStats[];
}

/** Connections to one of several databases. */
export interface ShardStats extends DatabaseStats {
	/** Host, port and name of the database. */
	readonly database: string;
}

/** Connections of a client, to all its databases together. */
export interface ClientStats extends DatabaseStats {
	/** Connections to each of `shards`, in the order of the option. Empty if the client has one database. */
	readonly shards: readonly ShardStats[];
}

export const none: ConnectionStats = { total: 0, idle: 0, waiting: 0 };

export function sumOf(stats: readonly ConnectionStats[]): ConnectionStats {
	const sum = (name: keyof ConnectionStats) => stats.reduce((all, each) => all + each[name], 0);
	return { total: sum('total'), idle: sum('idle'), waiting: sum('waiting') };
}

export function statsOfAll(shards: readonly ShardStats[]): ClientStats {
	return {
		...sumOf(shards),
		tenants: sumOf(shards.map(({ tenants }) => tenants)),
		service: sumOf(shards.map(({ service }) => service)),
		replicas: shards.flatMap(({ replicas }) => replicas),
		shards,
	};
}
