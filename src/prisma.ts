import type { PoolConfig } from 'pg';
import type { DestinationsExtension } from './extension/extension-types.ts';
import { PrismaClient } from './generated/prisma/client.ts';
import { ScopedAdapter } from './tenancy/scoped-adapter.ts';
import { ScopedPool } from './tenancy/scoped-pool.ts';

/** A Prisma client over a scoped pool. Without a scope it refuses to send anything. */
export function openPrisma(config: PoolConfig, namedStatements: boolean): PrismaClient {
	const pool = new ScopedPool(config, { namedStatements });
	return new PrismaClient({
		adapter: new ScopedAdapter(pool, namedStatements),
		// Prisma's other formats quote the code that called it, which is this package's own.
		errorFormat: 'minimal',
	});
}

/** Only for its type: a scoped client does by itself what the extension does, for less. */
const extended = (prisma: PrismaClient, extension: DestinationsExtension) =>
	prisma.$extends(extension);

/** Prisma's API, without what would reach outside the scope. */
export type ScopedPrismaClient = Pick<
	ReturnType<typeof extended>,
	| 'destination'
	| 'organization'
	| 'user'
	| 'destinationAuditEntry'
	| 'destinationSettingsVersion'
	| '$queryRaw'
	| '$queryRawUnsafe'
	| '$executeRaw'
	| '$executeRawUnsafe'
	| '$transaction'
>;
