import type { Session } from '../../database/session.ts';

/** A row of the log as Postgres stores it. */
export interface LogRow {
	id: string;
	organization_id: string | null;
	destination_id: string | null;
	version: number | null;
	action: string;
	changes: Record<string, { old?: unknown; new?: unknown; fields?: string[] }>;
	actor_id: string | null;
	role: string;
	login: string;
	recorded_at: Date;
	transaction_id: string;
	rotation_run: string | null;
}

/** The entries of one destination, the oldest first. */
export function entriesOf(session: Session, destinationId: string): Promise<LogRow[]> {
	return session.rows<LogRow>(
		'SELECT * FROM destination_audit_log WHERE destination_id = $1 ORDER BY id',
		[destinationId],
	);
}

export async function actionsOf(session: Session, destinationId: string): Promise<string[]> {
	return (await entriesOf(session, destinationId)).map(({ action }) => action);
}

/** What `work` adds to the log, whatever it is about. */
export async function added(session: Session, work: () => Promise<unknown>): Promise<LogRow[]> {
	const { last } = await session.row<{ last: string }>(
		'SELECT coalesce(max(id), 0) AS last FROM destination_audit_log',
	);
	await work();
	return session.rows<LogRow>('SELECT * FROM destination_audit_log WHERE id > $1 ORDER BY id', [
		last,
	]);
}
