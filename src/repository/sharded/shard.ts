import { ofShard, type ShardMap } from '../../database/shards.ts';
import { uuidPattern } from '../../ids/uuid-pattern.ts';
import type { AuditLog } from '../audit/audit-log.ts';
import type { DestinationRepository } from '../repository.ts';
import type { RepositoryTools } from '../tools.ts';

/** The service's scope on one of several databases. */
export interface ServiceShard {
	/** Host, port and database, for errors. */
	readonly place: string;
	readonly tools: RepositoryTools;
	readonly destinations: DestinationRepository;
	readonly audit: AuditLog;
}

/** The service's scope on all databases. */
export type ServiceShards = ShardMap<ServiceShard>;

/** Has errors of a database say which one it is. */
export async function naming<T>({ place }: ServiceShard, work: Promise<T>): Promise<T> {
	try {
		return await work;
	} catch (error) {
		throw ofShard(place, error);
	}
}

/** The organization that an argument names, where it is a UUID. Any other is refused by the method that is called with it. */
export function organizationIn(given: unknown): string | undefined {
	if (typeof given !== 'object' || given === null) return undefined;
	const { value } = Object.getOwnPropertyDescriptor(given, 'organizationId') ?? {};
	return typeof value === 'string' && uuidPattern.test(value) ? value.toLowerCase() : undefined;
}

/**
 * Whether a row on a shard is its organization's: one that is on another shard than its organization is left over from a move.
 * Where the route knows no such organization, the row is wherever it was found.
 */
export function isOn(shards: ServiceShards, shard: ServiceShard, organizationId: string): boolean {
	try {
		return shards.of(organizationId) === shard;
	} catch {
		return true;
	}
}
