import { withClient } from './databases.ts';
import type { MigratedServer } from './migrated-server.ts';

/** Empties the tables, past the triggers that keep the audit log and the history as they are. */
export async function resetDatabase(
	connectionString: string,
	{ tables, superuser }: MigratedServer,
): Promise<void> {
	const statements = superuser ? deleteAll(tables) : truncateAll(tables);
	await withClient(connectionString, (client) =>
		// One message is one transaction. A test that left a transaction open would keep it waiting for ever.
		client.query(["SET LOCAL lock_timeout = '5s'", ...statements].join(';\n')),
	);
}

/** On small tables less than a millisecond, where TRUNCATE takes 15. */
function deleteAll({ own, platform }: MigratedServer['tables']): string[] {
	return [
		'SET LOCAL session_replication_role = replica',
		...own.map((table) => `DELETE FROM ${table}`),
		// The platform's own tables may refer to these: their foreign keys hold.
		'SET LOCAL session_replication_role = origin',
		...platform.map((table) => `DELETE FROM ${table}`),
	];
}

/** What the owner of the tables may do, from whom row level security hides the rows. */
function truncateAll({ own, platform }: MigratedServer['tables']): string[] {
	const switchTriggers = (state: 'DISABLE' | 'ENABLE') =>
		own.map((table) => `ALTER TABLE ${table} ${state} TRIGGER USER`);
	return [
		...switchTriggers('DISABLE'),
		`TRUNCATE ${[...own, ...platform].join(', ')}`,
		...switchTriggers('ENABLE'),
	];
}
