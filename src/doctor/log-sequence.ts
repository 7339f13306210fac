import { type Finding, ok, warning } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';

const sequence = 'public.destination_audit_log_id_seq';

interface SequenceRow {
	readonly last: string;
	readonly newest: string | null;
}

/** Whether the sequence of the log's ids is behind the ids that are there, as rows leave it that come without it. */
export async function checkLogSequence(service: ReadOnlySession): Promise<Finding[]> {
	const rows = await service.attemptAs('service_role', () =>
		service.rows<SequenceRow>(
			`SELECT last_value::text AS last,
				(SELECT id FROM public.destination_audit_log ORDER BY id DESC LIMIT 1)::text AS newest
			 FROM ${sequence}`,
		),
	);
	// What cannot be read, or is not there, other findings name.
	if (!Array.isArray(rows)) return [];
	return rows.map(({ last, newest }) =>
		BigInt(newest ?? 0) <= BigInt(last)
			? ok("The sequence of the log's ids is past its entries")
			: warning(
					`The sequence of the log's ids is at ${last}, and the newest entry has ${newest}: rows were restored without it`,
					{
						fix: 'The next change of a destination sets it. Until then it can be set by:',
						sql: `SELECT setval('${sequence}', ${newest});`,
					},
				),
	);
}
