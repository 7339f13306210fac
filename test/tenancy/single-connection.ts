import type { ClientBase } from 'pg';
import type { DestinationsClient, DestinationsClientOptions } from '../../src/index.ts';
import type { Deployment, Tenant } from './deployment.ts';

/** What a session is like while nobody uses it. */
export interface Session {
	readonly pid: number;
	readonly current_user: string;
	readonly role: string;
	readonly claims: string;
	readonly [setting: string]: unknown;
}

/** A client with one connection, so that every scope follows another one on the same backend. */
export interface SingleConnection {
	readonly db: DestinationsClient;
	/** Looks at the session beside every scope, on the client's own connection, which must be idle. */
	rest(): Promise<Session>;
	/** The backend that serves the next statement. */
	pid(): Promise<number>;
}

const look = `
	SELECT pg_backend_pid() AS pid, current_user::text, session_user::text,
		current_setting('role') AS role,
		coalesce(current_setting('request.jwt.claims', true), '') AS claims,
		coalesce(current_setting('request.jwt.claim', true), '') AS claim,
		current_setting('search_path') AS search_path, current_setting('TimeZone') AS time_zone,
		current_setting('row_security') AS row_security,
		current_setting('statement_timeout') AS statement_timeout,
		current_setting('default_transaction_read_only') AS read_only,
		current_setting('client_encoding') AS client_encoding,
		current_setting('DateStyle') AS date_style,
		(SELECT count(*)::int FROM pg_class WHERE relnamespace = pg_my_temp_schema()) AS temp_tables,
		(SELECT count(*)::int FROM pg_prepared_statements WHERE from_sql) AS prepared,
		(SELECT count(*)::int FROM pg_cursors WHERE is_holdable) AS cursors,
		(SELECT count(*)::int FROM pg_locks
			WHERE pid = pg_backend_pid() AND locktype = 'advisory') AS advisory_locks,
		(SELECT count(*)::int FROM pg_listening_channels()) AS channels`;

export function openSingle(
	deployment: Deployment,
	options: Partial<DestinationsClientOptions> = {},
): SingleConnection {
	let current: ClientBase | undefined;
	const db = deployment.open({
		...options,
		pool: {
			max: 1,
			// A connection that is never given back must fail the test, not hang it.
			connectionTimeoutMillis: 60_000,
			...options.pool,
			onConnect: (client) => {
				current = client;
			},
		},
	});
	const nobody = db.forOrganization('00000000-0000-0000-0000-000000000000');
	// Brings a new connection where the last one was closed.
	const connected = async () => {
		await nobody.prisma.destination.count();
		if (current === undefined) throw new Error('there is no connection');
		return current;
	};
	return {
		db,
		async rest() {
			const { rows } = await (await connected()).query<Session>(look);
			if (rows[0] === undefined) throw new Error('the session tells nothing');
			return rows[0];
		},
		async pid() {
			const { rows } = await (await connected()).query<{ pid: number }>(
				'SELECT pg_backend_pid() AS pid',
			);
			return rows[0]?.pid ?? 0;
		},
	};
}

/** Holds the session to what it was, and every scope on it to its own rows. */
export async function expectClean(
	single: SingleConnection,
	before: Session,
	tenants: readonly Tenant[],
): Promise<void> {
	// Another backend is no worse.
	expect(await single.rest()).toEqual({ ...before, pid: expect.any(Number) });
	for (const { id, actorId, client, own } of tenants) {
		expect(await client.prisma.destination.findMany()).toEqual([own]);
		const seen = await client.prisma.$queryRaw`
			SELECT current_user::text AS user, current_setting('request.jwt.claims')::jsonb AS claims,
				current_setting('search_path') AS path,
				(SELECT array_agg(id::text) FROM destinations WHERE deleted_at IS NULL) AS rows`;
		expect(seen).toEqual([
			{
				user: 'authenticated',
				claims: { role: 'authenticated', organization_id: id, sub: actorId },
				path: before.search_path,
				rows: [own.id],
			},
		]);
	}
}
