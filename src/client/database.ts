import type { PoolConfig } from 'pg';
import { ScopedPool, type ScopedPoolOptions } from '../database/scoped-pool.ts';
import { PrismaClient } from '../generated/prisma/client.ts';
import { ScopedAdapter } from '../prisma/driver/scoped-adapter.ts';

/** A database of destinations: a pool, and a Prisma client over it. Without a scope nothing is sent. */
export interface Database {
	readonly pool: ScopedPool;
	readonly prisma: PrismaClient;
	/** Whether statements are kept prepared on connections. */
	readonly namedStatements: boolean;
	/** Whether the tables are distributed by Citus. */
	readonly citus: boolean;
	/** Waits for the statements under way; open transactions are rolled back. */
	close(): Promise<void>;
}

export function openDatabase(config: PoolConfig, options: ScopedPoolOptions): Database {
	const pool = new ScopedPool(config, options);
	const prisma = new PrismaClient({
		adapter: new ScopedAdapter(pool),
		// Prisma's other formats quote the code that called it, which is this package's own.
		errorFormat: 'minimal',
	});
	let closed: Promise<void> | undefined;
	const close = async () => {
		try {
			await prisma.$disconnect();
		} finally {
			await pool.close();
		}
	};
	return {
		pool,
		prisma,
		namedStatements: options.namedStatements,
		citus: options.citus ?? false,
		close: () => {
			closed ??= close();
			return closed;
		},
	};
}
