import { redactSettings } from '../../destinations/redact.ts';
import { DestinationsError, type DestinationsErrorCode, NotFoundError } from '../../errors.ts';
import { checkOptions, type OptionSchemas } from '../../input/options.ts';
import { cursorText, pageLimit } from '../../input/page.ts';
import { noSuchDestination } from '../not-found.ts';
import { type OrganizationOptions, organizationOptions, toolsFor } from '../organization.ts';
import type { Statements } from '../statements.ts';
import type { RepositoryTools } from '../tools.ts';
import { type AuditEntry, entryColumns, toEntry, versionKinds } from './entry.ts';
import { isVersion, type Page, type PageOptions, pageOf, readNumber } from './pages.ts';
import {
	type KeptSettings,
	type SettingsOfVersions,
	settingsOfVersions,
} from './settings-of-versions.ts';

/** One version of a destination: what changed, when, and who changed it. */
export interface DestinationVersion
	extends Pick<AuditEntry, 'action' | 'changes' | 'actorId' | 'recordedAt'> {
	/** The number of the version, from 1. */
	readonly version: number;
	/**
	 * The names of the settings that changed; empty for the first version. Null if some changed and it is no longer known
	 * which, because earlier settings are only kept for a time.
	 */
	readonly changedSettings: readonly string[] | null;
	/**
	 * All settings of the version, redacted as by `redact()`: {@link DestinationRepository.revert} would restore these. Null
	 * if they are no longer kept, or do not decrypt.
	 */
	readonly settings: Readonly<Record<string, unknown>> | null;
	/** Why the settings do not decrypt, if they are kept and do not. */
	readonly settingsError?: DestinationsErrorCode;
}

/** Which part of a history to return. */
export interface HistoryOptions extends PageOptions, OrganizationOptions {}

const historyOptions = organizationOptions.extend({
	cursor: cursorText.optional(),
	limit: pageLimit,
} satisfies OptionSchemas<PageOptions>);

/** The versions of a destination, the newest first. */
export async function readHistory(
	tools: RepositoryTools,
	id: string,
	options: HistoryOptions,
): Promise<Page<DestinationVersion>> {
	const { limit, cursor, ...whose } = checkOptions(historyOptions, options);
	const { statements, encryption } = toolsFor(tools, whose);
	const before = cursor === undefined ? undefined : readNumber(cursor, isVersion);
	const values: unknown[] = [id, limit + 1];
	const { organizationId } = statements;
	const ofOwn =
		organizationId === undefined ? '' : `AND organization_id = $${values.push(organizationId)}`;
	const place = before === undefined ? '' : `AND version < $${values.push(before)}`;
	const newest = (kind: string) => `(SELECT ${entryColumns} FROM public.destination_audit_log
		WHERE destination_id = $1 ${ofOwn} AND ${kind} ${place} ORDER BY version DESC LIMIT $2)`;
	// The index of versions would be read to its end for those of another organization, none of which are shown.
	const visible = `(SELECT true FROM public.destination_audit_log
		WHERE destination_id = $1 ${ofOwn} ORDER BY organization_id, id DESC NULLS LAST LIMIT 1)`;
	const rows = await statements.run(
		`SELECT * FROM (${versionKinds.map(newest).join(' UNION ALL ')}) AS versions
		 WHERE ${visible} ORDER BY version DESC LIMIT $2`,
		values,
		{ inOrder: true },
	);
	if (rows.length === 0 && before === undefined && !(await exists(statements, id))) {
		throw new NotFoundError(noSuchDestination(id, 'all'));
	}
	const entries = rows.map(toEntry);
	const shownEntries = entries.slice(0, limit);
	const settings = await settingsOfVersions(statements, encryption, id, shownEntries);
	return pageOf(
		entries,
		limit,
		(entry) => String(entry.version),
		(entry) => toVersion(entry, settings),
	);
}

async function exists(statements: Statements, id: string): Promise<boolean> {
	const { organizationId } = statements;
	const rows =
		organizationId === undefined
			? await statements.run('SELECT FROM public.destinations WHERE id = $1', [id])
			: await statements.run(
					'SELECT FROM public.destinations WHERE id = $1 AND organization_id = $2',
					[id, organizationId],
				);
	return rows.length > 0;
}

function toVersion(
	{ action, changes, actorId, recordedAt, settings, ...entry }: AuditEntry,
	settingsOf: SettingsOfVersions,
): DestinationVersion {
	const { updatedBy: _, ...fields } = changes; // says what `actorId` says
	const version = entry.version ?? 0; // only a key rotation, which is of no destination, has none
	// The writer named what changed, or nothing at all.
	const named = settings.fields.length === 0 ? null : settings.fields;
	const changed = settings.changed && version > 1;
	return {
		version,
		action,
		changes: fields,
		actorId,
		recordedAt,
		changedSettings: changed ? namesOr(named, settingsOf.changedIn(version)) : [],
		...shown(settingsOf.at(version)),
	};
}

function shown(
	kept: KeptSettings | undefined,
): Pick<DestinationVersion, 'settings' | 'settingsError'> {
	if (kept === undefined) return { settings: null };
	const { type, opened } = kept;
	return opened instanceof DestinationsError
		? { settings: null, settingsError: opened.code }
		: { settings: redactSettings(type, opened) };
}

/** @throws the error that may pass, where nothing else says which settings changed. */
function namesOr(
	named: readonly string[] | null,
	found: readonly string[] | DestinationsError | undefined,
): readonly string[] | null {
	if (!(found instanceof DestinationsError)) return found ?? named;
	if (named === null) throw found;
	return named;
}
