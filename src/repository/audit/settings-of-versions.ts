import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { DestinationsError } from '../../errors.ts';
import type { Statements } from '../statements.ts';
import {
	type EarlierSettings,
	earlierColumns,
	openEarlier,
	toEarlierSettings,
} from './earlier-settings.ts';
import type { AuditEntry } from './entry.ts';
import { changedFields } from './settings-change.ts';

/** Settings of a version that are kept: what they open to, or why they do not. */
export interface KeptSettings {
	readonly type: string;
	readonly opened: object;
}

/** The settings of the versions of a page. */
export interface SettingsOfVersions {
	/** Those of a version; undefined where they are kept no longer. */
	at(version: number): KeptSettings | undefined;
	/**
	 * The names of the settings that a version changed; undefined where that is not known, the error of opening where
	 * that may pass.
	 */
	changedIn(version: number): readonly string[] | DestinationsError | undefined;
}

/**
 * Settings are kept under the last version that had them, which is the one before those that changed them: so a page needs one
 * row for each of its changes, and the one that its newest version has, which is replaced later or is there still.
 */
const kept = `WITH later AS (SELECT version FROM public.destination_audit_log
		WHERE destination_id = $1 AND organization_id = $4 AND settings_changed AND version > $3
		ORDER BY version LIMIT 1)
	SELECT ${earlierColumns} FROM public.destination_settings_history
	 WHERE destination_id = $1 AND organization_id = $4
	   AND version = ANY ($2::integer[] || (SELECT version - 1 FROM later))
	UNION ALL SELECT id, version, organization_id, type, settings, settings_encrypted
	  FROM public.destinations
	 WHERE id = $1 AND organization_id = $4 AND NOT EXISTS (SELECT FROM later)`;

/** @param entries of the versions of a page, in any order; all of one organization, as a destination's are. */
export async function settingsOfVersions(
	statements: Statements,
	encryption: SettingsEncryption,
	id: string,
	entries: readonly AuditEntry[],
): Promise<SettingsOfVersions> {
	const changes = entries
		.flatMap(({ version, settings }) =>
			version !== null && version > 1 && settings.changed ? [version] : [],
		)
		.sort((a, b) => a - b);
	const newest = Math.max(0, ...entries.map(({ version }) => version ?? 0));
	const replaced = changes.map((version) => version - 1);
	const organizationId = entries[0]?.organizationId;
	const values = [id, replaced, newest, organizationId];
	const rows = newest === 0 ? [] : await statements.run(kept, values, { inOrder: true });
	const opener = new EarlierOpener(encryption);
	const byVersion = new Map<number, KeptSettings>();
	const opening = rows.map(toEarlierSettings).map(async (row) => {
		const opened = await opener.open(row);
		// Of the page's newest version and those behind it.
		const version = row.version >= newest ? Number.POSITIVE_INFINITY : row.version;
		byVersion.set(version, { type: row.type, opened });
	});
	await Promise.all(opening);
	const at = (version: number) => {
		const next = changes.find((change) => change > version);
		return byVersion.get(next === undefined ? Number.POSITIVE_INFINITY : next - 1);
	};
	return {
		at,
		changedIn: (version) => comparison(at(version - 1)?.opened, at(version)?.opened),
	};
}

/**
 * Decrypts settings, or says why they do not: the rest of the history can still be read. All at once, and no key
 * that was unavailable is asked for again, so that a provider which hangs is waited for once.
 */
class EarlierOpener {
	readonly #encryption: SettingsEncryption;
	/** By the id of the key. */
	readonly #unavailable = new Map<string, DestinationsError>();

	constructor(encryption: SettingsEncryption) {
		this.#encryption = encryption;
	}

	async open(row: EarlierSettings): Promise<object> {
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

/** The names of the settings that differ; nothing where either did not decrypt, and will not. */
function comparison(
	before: object | undefined,
	after: object | undefined,
): readonly string[] | DestinationsError | undefined {
	if (before === undefined || after === undefined) return undefined;
	const errors = [before, after].filter((opened) => opened instanceof DestinationsError);
	if (errors.length === 0) return changedFields(before, after);
	return errors.find(({ retryable }) => retryable);
}
