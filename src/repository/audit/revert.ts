import { isDeepStrictEqual } from 'node:util';
import { columnName, fieldName } from '../../destinations/columns.ts';
import type { Destination, UpdateDestinationInput } from '../../destinations/destination.ts';
import { changeableFields } from '../../destinations/input-schemas.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { NotFoundError } from '../../errors.ts';
import type { Statements } from '../statements.ts';
import { earlierColumns, openEarlier, toEarlierSettings } from './earlier-settings.ts';
import { versionKinds } from './entry.ts';

/** Columns that a version is made of, besides settings: those that an update may change. */
const columns = changeableFields.map(columnName);

/** Every so many versions the log has the whole configuration (the migration of the audit log). */
const checkpoint = 100;

/**
 * One row, found in the log by Postgres: whether there was the version; the configuration at the next
 * checkpoint, where that is behind us; the first `old` of each column that changed up to there, or up to now;
 * the last version that had the settings of then, where they changed since.
 *
 * A destination that was purged and made again with the same id has its versions twice; the later ones count.
 */
const stateAt = `WITH since AS MATERIALIZED (
		SELECT DISTINCT ON (version) version, changes, configuration
		  FROM (${versionKinds.map(between).join(' UNION ALL ')}) AS entries
		 ORDER BY version, id DESC
	), columns AS (
		SELECT DISTINCT ON (change.key) change.key, change.value -> 'old' AS old
		  FROM since, pg_catalog.jsonb_each(changes) AS change
		 WHERE version > $2 AND change.key = ANY ($5) ORDER BY change.key, version
	)
	SELECT EXISTS (SELECT FROM since WHERE version = $2),
	       (SELECT configuration FROM since WHERE version > $2 AND configuration IS NOT NULL),
	       (SELECT pg_catalog.jsonb_object_agg(key, old) FROM columns),
	       (SELECT version - 1 FROM public.destination_audit_log
	         WHERE destination_id = $1 AND organization_id = $6
	           AND settings_changed AND version > $2 AND version <= $3
	         ORDER BY version LIMIT 1)`;

/** In the order of the index of versions, so that it is read, and not all entries of the destination. */
function between(kind: string): string {
	return `(SELECT id, version, changes, configuration FROM public.destination_audit_log
		WHERE destination_id = $1 AND organization_id = $6 AND ${kind} AND version BETWEEN $2 AND $4 ORDER BY version)`;
}

/**
 * The update that makes a destination what it was at a version. However many versions there were since, at
 * most a hundred entries of the log are read.
 *
 * @throws NotFoundError if there was no such version, or its settings are kept no longer.
 */
export async function changesBackTo(
	statements: Statements,
	encryption: SettingsEncryption,
	current: Pick<Destination, 'id' | 'organizationId' | 'version'>,
	version: number,
): Promise<UpdateDestinationInput> {
	const { id, organizationId } = current;
	const until = Math.min(current.version, (Math.floor(version / checkpoint) + 1) * checkpoint);
	const values = [id, version, current.version, until, columns, organizationId];
	const [state] = await statements.run(stateAt, values, { inOrder: true });
	const [existed, configuration = null, old, replaced = null] = state ?? [];
	if (existed !== 't') {
		throw new NotFoundError(`Destination ${id} has no version ${version} in its history.`);
	}
	if (configuration === null && until < current.version) {
		throw new NotFoundError(`The history of destination ${id} has a gap after version ${version}.`);
	}
	const was: Record<string, unknown> = {
		...JSON.parse(configuration ?? '{}'),
		...JSON.parse(old ?? '{}'),
	};
	const now = new Map<string, unknown>(Object.entries(current));
	const changes: Record<string, unknown> = {};
	for (const [column, value] of Object.entries(was)) {
		const field = fieldName(column);
		if (!isDeepStrictEqual(now.get(field), value)) changes[field] = value;
	}
	if (replaced !== null) {
		changes.settings = await settingsOf(statements, encryption, current, Number(replaced));
	}
	return changes as UpdateDestinationInput; // validated by whoever writes it
}

async function settingsOf(
	statements: Statements,
	encryption: SettingsEncryption,
	{ id, organizationId }: Pick<Destination, 'id' | 'organizationId'>,
	version: number,
): Promise<Record<string, unknown>> {
	const [row] = await statements.run(
		`SELECT ${earlierColumns} FROM public.destination_settings_history
		 WHERE destination_id = $1 AND version = $2 AND organization_id = $3`,
		[id, version, organizationId],
	);
	if (row !== undefined) return openEarlier(encryption, toEarlierSettings(row));
	throw new NotFoundError(
		`The settings that destination ${id} had at version ${version} are no longer kept.`,
	);
}
