import {
	openJson,
	parseEnvelope,
	type SettingsContext,
	type SettingsEnvelope,
} from '../encryption/envelope.ts';
import { DecryptionFailedError } from '../errors.ts';
import { keyIdPattern } from '../keys/key-provider.ts';
import type { TenantKey } from '../keys/tenant-key.ts';
import type { TenantKeys } from '../keys/tenant-keys.ts';
import type { SealedRow } from './statements.ts';

/** Keys by name, or why they are unavailable. */
type LoadedKeys = ReadonlyMap<string, PromiseSettledResult<TenantKey>>;

export function contextOf(row: SealedRow): SettingsContext {
	return {
		organizationId: row.organization_id,
		destinationId: row.destination_id,
		type: row.type,
	};
}

/** The key id that stands in an envelope, whether or not the rest of it is sound. */
export function keyIdOf({ settings }: SealedRow): string | undefined {
	// The cast only lets the member be read, whatever the settings are.
	const { kid } = (settings ?? {}) as { readonly kid?: unknown };
	return typeof kid === 'string' ? kid : undefined;
}

export function ciphertextOf(row: SealedRow): string {
	return parseEnvelope(row.settings, contextOf(row)).ct;
}

/**
 * The keys of one page, each asked for once and all of them together. They stay until the page is done,
 * also where the provider lets none be cached.
 */
export class PageKeys {
	readonly #opening: LoadedKeys;
	readonly #primary: LoadedKeys;

	private constructor(opening: LoadedKeys, primary: LoadedKeys) {
		this.#opening = opening;
		this.#primary = primary;
	}

	/** @param sealing whether the organizations' primary keys are needed too. */
	static async load(
		keys: TenantKeys,
		rows: readonly SealedRow[],
		sealing: boolean,
	): Promise<PageKeys> {
		const opening = new Map<string, () => Promise<TenantKey>>();
		const primary = new Map<string, () => Promise<TenantKey>>();
		for (const row of rows) {
			const { organization_id: organizationId } = row;
			const keyId = keyIdOf(row);
			if (keyId !== undefined && keyIdPattern.test(keyId)) {
				opening.set(keyName(keyId, organizationId), () => keys.load(keyId, organizationId));
			}
			if (sealing) primary.set(organizationId, () => keys.primary(organizationId));
		}
		const [openingKeys, primaryKeys] = await Promise.all([load(opening), load(primary)]);
		return new PageKeys(openingKeys, primaryKeys);
	}

	/** The JSON in a row's envelope. */
	open(row: SealedRow): string {
		const context = contextOf(row);
		const envelope = parseEnvelope(row.settings, context);
		return openJson(envelope, this.#openingKey(envelope, context), context);
	}

	/** The key that the row's settings are to be encrypted with. */
	primary(row: SealedRow): TenantKey {
		return given(this.#primary.get(row.organization_id));
	}

	#openingKey({ kid }: SettingsEnvelope, { organizationId }: SettingsContext): TenantKey {
		return given(this.#opening.get(keyName(kid, organizationId)));
	}
}

async function load(asked: ReadonlyMap<string, () => Promise<TenantKey>>): Promise<LoadedKeys> {
	const loading = [...asked].map(async ([name, ask]) => {
		const [result] = await Promise.allSettled([ask()]);
		return [name, result] as const;
	});
	return new Map(await Promise.all(loading));
}

/** @throws the error with which the key was not loaded; DecryptionFailedError for a row of another page. */
function given(result: PromiseSettledResult<TenantKey> | undefined): TenantKey {
	if (result === undefined) throw new DecryptionFailedError('The key of this row was not loaded.');
	if (result.status === 'rejected') throw result.reason;
	return result.value;
}

function keyName(keyId: string, organizationId: string): string {
	return `${keyId}/${organizationId}`;
}
