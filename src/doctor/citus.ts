import { isDistributed } from '../rotation/maintenance-connection.ts';
import { type Finding, note, ok } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';

/** Whether the tables are distributed by Citus, of which clients and loaders must know. */
export async function readCitus(session: ReadOnlySession): Promise<boolean> {
	const [row] = await session.rows<{ citus: boolean }>(isDistributed);
	return row?.citus === true;
}

export async function checkCitus(
	session: ReadOnlySession,
	distributed: boolean,
): Promise<Finding[]> {
	if (distributed) {
		return [
			ok(
				'The tables are distributed by Citus: clients, loaders and EnvelopeKeyProvider need `citus: true`',
			),
		];
	}
	const rows = await session.rows("SELECT FROM pg_catalog.pg_extension WHERE extname = 'citus'");
	if (rows.length === 0) return [];
	return [
		note(
			'The server has Citus, and the tables are not distributed: with `citus: true` clients are refused',
			{
				fix: 'Leave them so, or run prisma/scale/citus.sql, as docs/guides/scale.md says.',
			},
		),
	];
}
