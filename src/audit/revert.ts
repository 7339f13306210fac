import type { UpdateDestinationInput } from '../destinations/destination.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { NotFoundError } from '../errors.ts';
import type { Statements } from '../repository/statements.ts';
import { fieldName } from './entry.ts';
import { earlierColumns, madeVersion, openEarlier, toEarlierSettings } from './history.ts';

/** Columns that a version is made of, besides settings. Whether it is deleted is not among them. */
const columns = [
	'name',
	'description',
	'environment',
	'required_consent',
	'enabled',
	'test_mode',
] as const;

/**
 * One row: the version, if there was one; the first `old` of each column that changed since; the last version
 * that had the settings of then, where they changed since. Postgres looks through the log, so that none of it
 * is sent.
 */
const stateAt = `WITH since AS MATERIALIZED (
		SELECT id, version, changes FROM public.destination_audit_log
		 WHERE destination_id = $1 AND version >= $2 AND ${madeVersion}
	), first AS (
		SELECT id, version FROM since ORDER BY id LIMIT 1
	), later AS (
		SELECT since.* FROM since JOIN first ON since.id > first.id
	), columns AS (
		SELECT DISTINCT ON (change.key) change.key, change.value -> 'old' AS old
		  FROM later, pg_catalog.jsonb_each(changes) AS change
		 WHERE change.key = ANY ($3) ORDER BY change.key, id
	)
	SELECT (SELECT version FROM first),
	       (SELECT pg_catalog.jsonb_object_agg(key, old) FROM columns),
	       (SELECT version - 1 FROM later WHERE changes ? 'settings' ORDER BY id LIMIT 1)`;

/**
 * The update that makes a destination what it was at a version: the first `old` of each field that
 * changed since, and the settings that were replaced first.
 *
 * @throws NotFoundError if there was no such version, or its settings are kept no longer.
 */
export async function changesBackTo(
	statements: Statements,
	encryption: SettingsEncryption,
	id: string,
	version: number,
): Promise<UpdateDestinationInput> {
	const [state] = await statements.run(stateAt, [id, version, columns]);
	if (Number(state?.[0]) !== version) {
		throw new NotFoundError(`Destination ${id} has no version ${version} in its history.`);
	}
	const old: Record<string, unknown> = JSON.parse(state?.[1] ?? '{}');
	const changes: Record<string, unknown> = {};
	for (const [column, value] of Object.entries(old)) changes[fieldName(column)] = value;
	const replaced = state?.[2] ?? undefined;
	if (replaced !== undefined) {
		changes.settings = await settingsOf(statements, encryption, id, Number(replaced));
	}
	return changes as UpdateDestinationInput; // validated by whoever writes it
}

async function settingsOf(
	statements: Statements,
	encryption: SettingsEncryption,
	id: string,
	version: number,
): Promise<Record<string, unknown>> {
	const [row] = await statements.run(
		`SELECT ${earlierColumns} FROM public.destination_settings_history
		 WHERE destination_id = $1 AND version = $2`,
		[id, version],
	);
	if (row !== undefined) return openEarlier(encryption, toEarlierSettings(row));
	throw new NotFoundError(
		`The settings that destination ${id} had at version ${version} are kept no longer.`,
	);
}
