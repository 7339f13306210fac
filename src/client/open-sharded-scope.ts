import type { Scope } from '../database/scope.ts';
import type { ShardMap } from '../database/shards.ts';
import { UnsupportedError } from '../errors.ts';
import type { AuditLog } from '../repository/audit/audit-log.ts';
import type { DestinationRepository } from '../repository/repository.ts';
import type { ServiceShard } from '../repository/sharded/shard.ts';
import { ShardedLog } from '../repository/sharded/sharded-log.ts';
import { ShardedRepository } from '../repository/sharded/sharded-repository.ts';
import type { ClientDatabase } from './client-database.ts';
import { openScopeTools, type ScopedClient } from './open-scope.ts';

/** The service's scope on all databases of a client. Opens no connection. */
export function openShardedScope(databases: ShardMap<ClientDatabase>, scope: Scope): ScopedClient {
	const shards = databases.map((database): ServiceShard => {
		const { service, tools } = database.opened;
		return { place: database.place, ...openScopeTools(service, scope, tools) };
	});
	const sharded = {
		// They have every method of those of one database, by their types.
		destinations: new ShardedRepository(shards) as unknown as DestinationRepository,
		audit: new ShardedLog(shards) as unknown as AuditLog,
	};
	for (const name of ['prisma', 'transaction']) {
		Object.defineProperty(sharded, name, {
			get: () => {
				throw new UnsupportedError(
					`\`${name}\` works on one database, and this scope is for all of them. Name one: asService({ shard: url }) with one of \`shards\`, or forOrganization() for one organization.`,
				);
			},
		});
	}
	return sharded as ScopedClient; // with the two that say why they are not there
}
