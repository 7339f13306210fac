import type { PoolConfig } from 'pg';
import type { SettingsEncryption } from './encryption/settings-encryption.ts';
import { extensionWith } from './extension/destinations-extension.ts';
import { PrismaClient } from './generated/prisma/client.ts';
import { ScopedAdapter } from './tenancy/scoped-adapter.ts';
import { ScopedPool } from './tenancy/scoped-pool.ts';

/** A Prisma client over a scoped pool, with settings encrypted. Not scoped yet: it refuses to send anything. */
export function openPrisma(
	config: PoolConfig,
	namedStatements: boolean,
	encryption: SettingsEncryption,
) {
	const pool = new ScopedPool(config, { namedStatements });
	const prisma = new PrismaClient({ adapter: new ScopedAdapter(pool, namedStatements) });
	return { prisma, extended: prisma.$extends(extensionWith(encryption)) };
}

export type PrismaConnection = ReturnType<typeof openPrisma>;

/** Prisma's API, without what would reach outside the scope. */
export type ScopedPrismaClient = Pick<
	PrismaConnection['extended'],
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
