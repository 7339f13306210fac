import {
	openJson,
	parseEnvelope,
	type SettingsContext,
	type SettingsEnvelope,
} from '../encryption/envelope.ts';
import { DecryptionFailedError, DestinationsError } from '../errors.ts';
import { keyIdPattern } from '../keys/key-provider.ts';
import type { TenantKey } from '../keys/tenant-key.ts';
import type { TenantKeys } from '../keys/tenant-keys.ts';
import type { SealedRow } from './statements.ts';

/** A key, or why it cannot be had. */
type KeyOrRefusal = TenantKey | DestinationsError;

export function contextOf(row: SealedRow): SettingsContext {
	return {
		organizationId: row.organization_id,
		destinationId: row.destination_id,
		type: row.type,
	};
}

/** The key id that stands in an envelope, whether or not the rest of it is sound. */
export function keyIdOf({ settings }: SealedRow): string | undefined {
	if (typeof settings !== 'object' || settings === null || !('kid' in settings)) return undefined;
	return typeof settings.kid === 'string' ? settings.kid : undefined;
}

export function ciphertextOf(row: SealedRow): string {
	return parseEnvelope(row.settings, contextOf(row)).ct;
}

/**
 * The keys of one page, each asked for once and all of them together. They stay until the page is done,
 * also where the provider lets none be cached.
 */
export class PageKeys {
	readonly #opening = new Map<string, KeyOrRefusal>();
	readonly #primary = new Map<string, KeyOrRefusal>();

	/** @param sealing whether the organizations' primary keys are needed too. */
	static async load(
		keys: TenantKeys,
		rows: readonly SealedRow[],
		sealing: boolean,
	): Promise<PageKeys> {
		const loaded = new PageKeys();
		const waiting: Promise<void>[] = [];
		const load = (
			into: Map<string, KeyOrRefusal>,
			name: string,
			fetch: () => Promise<TenantKey>,
		) => {
			if (into.has(name)) return;
			into.set(name, notLoaded);
			waiting.push(
				fetch()
					.catch(refusalOf)
					.then((key) => void into.set(name, key)),
			);
		};
		for (const row of rows) {
			const { organization_id: organizationId } = row;
			const keyId = keyIdOf(row);
			if (keyId !== undefined && keyIdPattern.test(keyId)) {
				load(loaded.#opening, keyName(keyId, organizationId), () =>
					keys.load(keyId, organizationId),
				);
			}
			if (sealing) load(loaded.#primary, organizationId, () => keys.primary(organizationId));
		}
		await Promise.all(waiting);
		return loaded;
	}

	/** The JSON in a row's envelope. */
	open(row: SealedRow): string {
		const context = contextOf(row);
		const envelope = parseEnvelope(row.settings, context);
		return openJson(envelope, this.#openingKey(envelope, context), context);
	}

	/** The key that the row's settings are to be sealed with. */
	primary(row: SealedRow): TenantKey {
		return given(this.#primary.get(row.organization_id));
	}

	#openingKey({ kid }: SettingsEnvelope, { organizationId }: SettingsContext): TenantKey {
		return given(this.#opening.get(keyName(kid, organizationId)));
	}
}

const notLoaded = new DecryptionFailedError('The key of this row was not loaded.');

function given(key: KeyOrRefusal = notLoaded): TenantKey {
	if (key instanceof DestinationsError) throw key;
	return key;
}

function refusalOf(error: unknown): DestinationsError {
	if (error instanceof DestinationsError) return error;
	throw error;
}

function keyName(keyId: string, organizationId: string): string {
	return `${keyId}/${organizationId}`;
}
