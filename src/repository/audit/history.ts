import type { TextRow } from '../../database/scoped-sql.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { openStored } from '../../encryption/stored-settings.ts';
import { DestinationsError, NotFoundError } from '../../errors.ts';
import { checkOptions, type OptionSchemas, optionsOf } from '../../input/options.ts';
import { pageLimit } from '../../input/page.ts';
import { noSuchDestination } from '../not-found.ts';
import type { Statements } from '../statements.ts';
import { type AuditEntry, entryColumns, toEntry, versionKinds } from './entry.ts';
import { logCursor, type Page, type PageOptions, pageOf } from './pages.ts';
import { changedFields } from './settings-change.ts';

/** A version of a destination: what led to it, and who. */
export interface DestinationVersion
	extends Pick<AuditEntry, 'action' | 'changes' | 'actorId' | 'recordedAt'> {
	/** Counts from 1. */
	readonly version: number;
	/**
	 * The names of the settings that changed; none for the first version. Null where some did and it is no
	 * longer known which: earlier settings are kept for a time only.
	 */
	readonly changedSettings: readonly string[] | null;
}

const historyOptions = optionsOf({
	cursor: logCursor.optional(),
	limit: pageLimit,
} satisfies OptionSchemas<PageOptions>);

/** The versions of a destination, the newest first. */
export async function readHistory(
	statements: Statements,
	encryption: SettingsEncryption,
	id: string,
	options: PageOptions,
): Promise<Page<DestinationVersion>> {
	const { limit, cursor: before } = checkOptions(historyOptions, options);
	const values: unknown[] = [id, limit + 1];
	const place = before === undefined ? '' : `AND version < $${values.push(before)}`;
	const newest = (kind: string) => `(SELECT ${entryColumns} FROM public.destination_audit_log
		WHERE destination_id = $1 AND ${kind} ${place} ORDER BY version DESC LIMIT $2)`;
	// The index of versions would be read to its end for those of another organization, none of which are shown.
	const visible = `(SELECT true FROM public.destination_audit_log
		WHERE destination_id = $1 ORDER BY organization_id, id DESC NULLS LAST LIMIT 1)`;
	const rows = await statements.run(
		`SELECT * FROM (${versionKinds.map(newest).join(' UNION ALL ')}) AS versions
		 WHERE ${visible} ORDER BY version DESC LIMIT $2`,
		values,
		{ inOrder: true },
	);
	if (rows.length === 0 && before === undefined && !(await exists(statements, id))) {
		throw new NotFoundError(noSuchDestination(id));
	}
	const entries = rows.map(toEntry);
	const changed = await settingsChangedIn(statements, encryption, id, entries.slice(0, limit));
	return pageOf(
		entries,
		limit,
		(entry) => String(entry.version),
		(entry) => toVersion(entry, changed),
	);
}

async function exists(statements: Statements, id: string): Promise<boolean> {
	const rows = await statements.run('SELECT FROM public.destinations WHERE id = $1', [id]);
	return rows.length > 0;
}

function toVersion(
	{ action, changes, actorId, recordedAt, settings, ...entry }: AuditEntry,
	changedIn: ReadonlyMap<number, readonly string[] | DestinationsError>,
): DestinationVersion {
	const { updatedBy: _, ...fields } = changes; // says what `actorId` says
	const version = entry.version ?? 0; // only a key rotation, which is of no destination, has none
	const changed = settings.changed && version > 1;
	// The writer named what changed, or nothing at all.
	const named = settings.fields.length === 0 ? null : settings.fields;
	return {
		version,
		action,
		changes: fields,
		actorId,
		recordedAt,
		changedSettings: changed ? namesOr(named, changedIn.get(version)) : [],
	};
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

/** How many earlier settings are held at once. */
const settingsBatch = 50;

/**
 * The names of the settings that each version of a page changed, where the settings before and after it are
 * kept and open; the error of opening them, where it may pass. The page is the newest first.
 */
async function settingsChangedIn(
	statements: Statements,
	encryption: SettingsEncryption,
	id: string,
	entries: readonly AuditEntry[],
): Promise<Map<number, readonly string[] | DestinationsError>> {
	const changed = new Map<number, readonly string[] | DestinationsError>();
	const versions = entries.flatMap(({ version, settings }) =>
		version !== null && settings.changed ? [version] : [],
	);
	const [newest] = versions;
	const oldest = versions.at(-1);
	if (newest === undefined || oldest === undefined) return changed;
	const opener = new EarlierOpener(encryption);
	let before: { version: number; settings: object } | undefined;
	const next = (version: number, settings: object) => {
		// Settings are kept by the last version that had them; those behind it were written by the next one.
		const names = before && comparison(before.settings, settings);
		if (before !== undefined && names !== undefined) changed.set(before.version + 1, names);
		before = { version, settings };
	};
	for (;;) {
		const from = before === undefined ? oldest - 1 : before.version + 1;
		const rows = await statements.run(
			`SELECT ${earlierColumns} FROM public.destination_settings_history
			 WHERE destination_id = $1 AND version >= $2 ORDER BY version LIMIT $3`,
			[id, from, settingsBatch],
		);
		const earlier = rows.map(toEarlierSettings);
		const wanted = earlier.findIndex(({ version }) => version >= newest) + 1;
		const needed = wanted === 0 ? earlier : earlier.slice(0, wanted);
		const opened = await opener.open(needed);
		for (const { version, settings } of opened) next(version, settings);
		if (wanted > 0) return changed;
		if (rows.length < settingsBatch) break;
	}
	const [current] = await statements.run(
		`SELECT id, version, organization_id, type, settings, settings_encrypted
		 FROM public.destinations WHERE id = $1`,
		[id],
	);
	if (current !== undefined) {
		const [opened] = await opener.open([toEarlierSettings(current)]);
		if (opened !== undefined) next(opened.version, opened.settings);
	}
	return changed;
}

/** Settings of a destination that were replaced, as they are stored. */
export interface EarlierSettings {
	readonly destinationId: string;
	/** The last version that had them. */
	readonly version: number;
	readonly organizationId: string;
	readonly type: string;
	readonly settings: unknown;
	readonly settingsEncrypted: boolean;
}

/** As {@link toEarlierSettings} reads them. */
export const earlierColumns =
	'destination_id, version, organization_id, type, settings, settings_encrypted';

export function toEarlierSettings(texts: TextRow): EarlierSettings {
	// By the order of `earlierColumns`, none of which is null.
	const [destinationId = '', version, organizationId = '', type = '', settings = '', encrypted] =
		texts as string[];
	return {
		destinationId,
		version: Number(version),
		organizationId,
		type,
		settings: JSON.parse(settings),
		settingsEncrypted: encrypted === 't',
	};
}

/** Opens settings that were replaced: they stay bound to their destination. */
export async function openEarlier(
	encryption: SettingsEncryption,
	row: EarlierSettings,
): Promise<Record<string, unknown>> {
	const { settings, settingsEncrypted, organizationId, destinationId, type } = row;
	const context = { organizationId, destinationId, type };
	return openStored(encryption, settings, settingsEncrypted, context);
}

/**
 * Opens settings, or says why they do not: what else the history tells is still to be read. All at once, and no key
 * that could not be had is asked for again, so that a provider which hangs is waited for once.
 */
class EarlierOpener {
	readonly #encryption: SettingsEncryption;
	/** By the id of the key. */
	readonly #unavailable = new Map<string, DestinationsError>();

	constructor(encryption: SettingsEncryption) {
		this.#encryption = encryption;
	}

	open(rows: readonly EarlierSettings[]) {
		return Promise.all(
			rows.map(async (row) => ({ version: row.version, settings: await this.#openedOrError(row) })),
		);
	}

	async #openedOrError(row: EarlierSettings): Promise<object> {
		const keyId = keyIdOf(row.settings);
		const unavailable = this.#unavailable.get(keyId);
		if (unavailable !== undefined) return unavailable;
		try {
			return await openEarlier(this.#encryption, row);
		} catch (error) {
			if (!(error instanceof DestinationsError)) throw error;
			if (error.retryable) this.#unavailable.set(keyId, error);
			return error;
		}
	}
}

/** The id in an envelope, whether or not the rest of it is sound. */
function keyIdOf(settings: unknown): string {
	// The cast only lets the member be read, whatever the settings are.
	return String((settings as { readonly kid?: unknown } | null)?.kid);
}

/** The names of the settings that differ; nothing where either did not open, and will not. */
function comparison(
	before: object,
	after: object,
): readonly string[] | DestinationsError | undefined {
	const errors = [before, after].filter((opened) => opened instanceof DestinationsError);
	if (errors.length === 0) return changedFields(before, after);
	return errors.find(({ retryable }) => retryable);
}
