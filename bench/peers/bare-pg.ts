import { Pool } from 'pg';
import { peers } from './names.ts';
import { type Peer, type Read, thousand } from './peer.ts';

const columns = `id, organization_id AS "organizationId", type, name, description, environment, settings,
	settings_encrypted AS "settingsEncrypted", required_consent AS "requiredConsent", enabled,
	test_mode AS "testMode", last_tested_at AS "lastTestedAt", connection_status AS "connectionStatus",
	last_error AS "lastError", deleted_at AS "deletedAt", version, created_at AS "createdAt",
	updated_at AS "updatedAt", created_by AS "createdBy", updated_by AS "updatedBy"`;

/** pg as it comes: SQL with parameters. */
export function barePg(connectionString: string): Peer {
	const pool = new Pool({ connectionString });
	// As the server stops, a connection that is being closed may still report that.
	pool.on('error', () => {});
	const rows = async (sql: string, values: unknown[]) =>
		(await pool.query<Read & Record<string, unknown>>(sql, values)).rows;
	const one = async (sql: string, values: unknown[]): Promise<Read> => {
		const [row] = await rows(sql, values);
		if (row === undefined) throw new Error('No row was written');
		return row;
	};
	return {
		name: peers.barePg,
		readById: async (_, id) => {
			const [row] = await rows(
				`SELECT ${columns} FROM destinations WHERE id = $1 AND deleted_at IS NULL`,
				[id],
			);
			return row ?? null;
		},
		readOrganization: (organizationId) =>
			rows(
				`SELECT ${columns} FROM destinations WHERE organization_id = $1 AND deleted_at IS NULL
				  ORDER BY created_at DESC, id DESC`,
				[organizationId],
			),
		readThousand: () =>
			rows(`SELECT ${columns} FROM destinations WHERE deleted_at IS NULL LIMIT $1`, [thousand]),
		create: (organizationId, settings) =>
			one(
				`INSERT INTO destinations (organization_id, type, name, settings)
				 VALUES ($1, 'posthog', 'bench', $2) RETURNING ${columns}`,
				[organizationId, settings],
			),
		rename: ({ id, name }) =>
			one(`UPDATE destinations SET name = $2 WHERE id = $1 RETURNING ${columns}`, [id, name]),
		replace: ({ id, name, settings }) =>
			one(`UPDATE destinations SET name = $2, settings = $3 WHERE id = $1 RETURNING ${columns}`, [
				id,
				name,
				settings,
			]),
		close: () => pool.end(),
	};
}
