import { PrismaPg } from '@prisma/adapter-pg';
import type { Pool } from 'pg';
import { ConfigurationError } from '../errors.ts';
import { refuse, requireErrand } from './scope.ts';
import type { ScopedPool } from './scoped-pool.ts';

/** Prisma's adapter for `pg`, over a pool that scopes what it sends. */
export class ScopedAdapter extends PrismaPg {
	readonly #pool: ScopedPool;

	constructor(pool: ScopedPool, namedStatements: boolean) {
		// It calls no more of a pool than a ScopedPool has.
		super(
			pool as unknown as Pool,
			namedStatements ? { statementNameGenerator: pool.nameStatement } : {},
		);
		this.#pool = pool;
	}

	override async connect(): ReturnType<PrismaPg['connect']> {
		// Prisma opens a closed client again when it is used, and the adapter would open a pool without scopes.
		this.#pool.requireOpen(requireErrand());
		const adapter = await super.connect();
		// The adapter takes a pool of another copy of pg for options, and would open a pool without scopes.
		if (!Object.is(adapter.underlyingDriver(), this.#pool)) {
			throw refuse(
				new ConfigurationError(
					'Two copies of the npm package pg are installed, so Prisma would not use the scoped pool. Run `npm ls pg` and make them one version.',
				),
			);
		}
		return adapter;
	}
}
