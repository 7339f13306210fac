import type { PoolConfig } from 'pg';
import { loaderScope, organizationScope, type Scope, serviceScope } from '../../database/scope.ts';
import { ScopedPool } from '../../database/scoped-pool.ts';
import { ConflictError } from '../../errors.ts';
import type { WrappedKeyStore } from '../data-keys.ts';

/** Few: they are asked only where a key is not cached. */
const maxConnections = 4;

/**
 * Wrapped keys in the table `destination_data_keys`, on connections of its own: a key must outlive the
 * transaction that asked for it. What a tenant needs is done as that tenant, under row level security.
 */
export class PostgresDataKeys implements WrappedKeyStore {
	readonly #pool: ScopedPool;
	/** Another one where the service has a login of its own. */
	readonly #service: ScopedPool;
	readonly #loads: boolean;

	/**
	 * @param service where keys are renewed and shredded: another login, or the same options.
	 * @param loads whether keys are read by the login of a loader, which does nothing else.
	 * @param citus whether the tables are distributed by Citus.
	 */
	constructor(config: PoolConfig, service: PoolConfig, loads: boolean, citus: boolean) {
		this.#loads = loads;
		const open = (of: PoolConfig) =>
			new ScopedPool(
				{ max: maxConnections, allowExitOnIdle: true, ...of },
				{ namedStatements: false, citus },
			);
		this.#pool = open(config);
		this.#service = service === config ? this.#pool : open(service);
	}

	async newestKeyId(organizationId: string): Promise<string | undefined> {
		return this.#first(
			organizationScope(organizationId, {}),
			`SELECT id FROM public.destination_data_keys WHERE organization_id = $1
			 ORDER BY generation DESC LIMIT 1`,
			[organizationId],
		);
	}

	async find(keyId: string, organizationId: string): Promise<Uint8Array | undefined> {
		// As hex: SQL of this package's own returns every value as Postgres writes it.
		const hex = await this.#first(
			this.#loads ? loaderScope : organizationScope(organizationId, {}),
			`SELECT encode(wrapped_key, 'hex') FROM public.destination_data_keys
			 WHERE id = $1 AND organization_id = $2`,
			[keyId, organizationId],
		);
		return hex === undefined ? undefined : Buffer.from(hex, 'hex');
	}

	async insertFirst(organizationId: string, wrappedKey: Uint8Array): Promise<string> {
		const scope = organizationScope(organizationId, {});
		const made = await this.#first(
			scope,
			`INSERT INTO public.destination_data_keys (organization_id, wrapped_key) VALUES ($1, $2)
			 ON CONFLICT (organization_id, generation) DO NOTHING RETURNING id`,
			[organizationId, Buffer.from(wrappedKey)],
		);
		const kept = made ?? (await this.newestKeyId(organizationId));
		if (kept !== undefined) return kept;
		throw new ConflictError(
			'The data keys of this organization were deleted while one was made. Try again if that was not meant.',
		);
	}

	async insertNext(organizationId: string, wrappedKey: Uint8Array): Promise<string> {
		const made = await this.#first(
			serviceScope({}),
			`INSERT INTO public.destination_data_keys (organization_id, generation, wrapped_key)
			 SELECT $1::uuid, coalesce(max(generation), 0) + 1, $2::bytea
			 FROM public.destination_data_keys WHERE organization_id = $1::uuid
			 ON CONFLICT (organization_id, generation) DO NOTHING RETURNING id`,
			[organizationId, Buffer.from(wrappedKey)],
		);
		if (made !== undefined) return made;
		throw new ConflictError('Somebody else made a new data key for this organization just now.');
	}

	async deleteAll(organizationId: string): Promise<number> {
		const deleted = await this.#rows(
			serviceScope({}),
			'DELETE FROM public.destination_data_keys WHERE organization_id = $1 RETURNING id',
			[organizationId],
		);
		return deleted.length;
	}

	async close(): Promise<void> {
		await Promise.all([this.#pool.close(), this.#service.close()]);
	}

	async #first(scope: Scope, text: string, values: unknown[]): Promise<string | undefined> {
		return (await this.#rows(scope, text, values))[0];
	}

	/** The first column of the rows that a statement returns. */
	async #rows(scope: Scope, text: string, values: unknown[]): Promise<string[]> {
		const pool = scope.role === 'service_role' ? this.#service : this.#pool;
		const rows = await pool.run(scope, text, values);
		return rows.flatMap(([value]) => value ?? []);
	}
}
