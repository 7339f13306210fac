/** Connections to the database at this moment. */
export interface ConnectionStats {
	/** Open connections, those that are in use and those that are idle. */
	readonly total: number;
	/** Those that nobody uses. */
	readonly idle: number;
	/** Calls that wait for one. */
	readonly waiting: number;
}

/** Connections to a replica, and whether it is read. */
export interface ReplicaStats extends ConnectionStats {
	/** Whether reads are sent there. Not so after it did not answer, or was too far behind, until it is tried again. */
	readonly isUsed: boolean;
}

/** Connections to one database: of both logins together, and of each. */
export interface DatabaseStats extends ConnectionStats {
	/** Of the login that serves organizations. */
	readonly tenants: ConnectionStats;
	/** Of the login of `asService()`: the same as `tenants`, where one login serves both. */
	readonly service: ConnectionStats;
	/** To the replicas, in their order. They do not count above. */
	readonly replicas: readonly ReplicaStats[];
}

/** Connections to one of several databases. */
export interface ShardStats extends DatabaseStats {
	/** Host, port and name of the database. */
	readonly database: string;
}

/** Connections of a client: of all its databases together. */
export interface ClientStats extends DatabaseStats {
	/** Of each of `shards`, in their order; none where the client has one database. */
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
