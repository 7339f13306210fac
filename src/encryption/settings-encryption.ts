import { z } from 'zod';
import {
	ConfigurationError,
	KeyUnavailableError,
	UnknownKeyError,
	ValidationError,
} from '../errors.ts';
import { canonicalId } from '../ids/canonical-id.ts';
import { checkOptions, type OptionSchemas, optionsOf } from '../input/options.ts';
import { isKeyProvider, type KeyProvider } from '../keys/key-provider.ts';
import { Keyring } from '../keys/keyring.ts';
import type { TenantKey } from '../keys/tenant-key.ts';
import { TenantKeys } from '../keys/tenant-keys.ts';
import { settingsFromJson, settingsToJson } from './canonical-json.ts';
import {
	decryptionFailed,
	looksLikeEnvelope,
	openJson,
	parseEnvelope,
	type SettingsContext,
	type SettingsEnvelope,
	sealJson,
} from './envelope.ts';

/**
 * What to do with stored settings that are not encrypted: `refuse` to read them, or `allow-read`, which returns them as
 * they are.
 */
export type PlaintextPolicy = 'refuse' | 'allow-read';

/** Keys as text (see {@link Keyring}), or a key provider. */
export type Keys = string | KeyProvider;

/** The client's and the extension's options of these names. */
const expectedKeys =
	'must be text such as "id:hex", or a provider with `primaryKeyId`, `getKey` and `cacheSeconds`';
export const keysOption = z.custom<Keys>(
	(value) => typeof value === 'string' || isKeyProvider(value),
	{ error: expectedKeys },
);
export const plaintextOption = z.enum(['refuse', 'allow-read'], {
	error: "must be 'refuse' or 'allow-read'",
});

/**
 * Encrypts and decrypts settings with AES-256-GCM.
 *
 * An envelope is bound to the organization, the destination and the type: in another row it does not decrypt. The Prisma
 * extension and the repository encrypt by themselves. Use this class to store or send settings outside them.
 *
 * Settings may have at most 64 KiB of JSON, and contain only values that JSON does not change.
 *
 * @throws ConfigurationError from the constructor, if keys are missing or malformed.
 *
 * @example
 * ```ts
 * import { SettingsEncryption } from '@consent-io/destinations';
 *
 * const encryption = new SettingsEncryption(process.env.DESTINATIONS_ENCRYPTION_KEYS);
 * const context = {
 *   organizationId: '0193a1b2-0000-7000-8000-000000000001',
 *   destinationId: '0193a1b2-0000-7000-8000-000000000002',
 *   type: 'posthog',
 * };
 * const envelope = await encryption.encrypt({ apiKey: 'phc_example' }, context);
 * const settings = await encryption.decrypt(envelope, context);
 * ```
 */
export class SettingsEncryption {
	/** @internal Reads of rows ask for it; `decrypt` opens envelopes and nothing else. */
	readonly plaintext: PlaintextPolicy;
	readonly #keys: TenantKeys;

	/** @param plaintext For reads of rows. Only clients have a use for it. */
	constructor(keys: Keys | undefined, plaintext: PlaintextPolicy = 'refuse') {
		if (plaintext !== 'refuse' && plaintext !== 'allow-read') {
			throw new ConfigurationError("`plaintext` must be 'refuse' or 'allow-read'.");
		}
		this.plaintext = plaintext;
		this.#keys = new TenantKeys(keyProvider(keys));
	}

	/**
	 * Encrypts settings with the organization's primary key.
	 *
	 * @throws ValidationError if the settings are not plain JSON, have more than 64 KiB, or are an envelope already.
	 * @throws KeyUnavailableError if the key provider does not answer.
	 */
	async encrypt(settings: unknown, context: SettingsContext): Promise<SettingsEnvelope> {
		const bound = checkOptions(contextSchema, context, ['context']);
		const json = jsonOf(settings);
		const key = await this.#keys.primary(bound.organizationId);
		return sealJson(json, key, bound);
	}

	/**
	 * Decrypts an envelope that {@link encrypt} returned for the same context.
	 *
	 * @throws DecryptionFailedError if the envelope was altered, moved, or encrypted with other key bytes.
	 * @throws UnknownKeyError if no key has the envelope's key id.
	 * @throws KeyUnavailableError if the key provider does not answer.
	 */
	async decrypt(envelope: unknown, context: SettingsContext): Promise<Record<string, unknown>> {
		const bound = checkOptions(contextSchema, context, ['context']);
		const parsed = parseEnvelope(envelope, bound);
		const key = await this.#load(parsed.kid, bound);
		return openSettings(parsed, key, bound);
	}

	/**
	 * Opens an envelope with a key that is at hand, or returns nothing where the provider must be asked:
	 * then {@link decrypt} does it. For reads of many rows, where waiting once a row costs as much as
	 * opening it.
	 *
	 * @internal
	 */
	tryOpen(envelope: unknown, context: SettingsContext): Record<string, unknown> | undefined {
		const parsed = parseEnvelope(envelope, context);
		const key = this.#keys.cached(parsed.kid, context.organizationId);
		return key === undefined ? undefined : openSettings(parsed, key, context);
	}

	/**
	 * Until when what an envelope held may be kept, on the clock of `performance`: as long as its key may be used before
	 * the provider is asked again. To be called when the envelope was just opened.
	 *
	 * @internal
	 */
	expiresAt(envelope: unknown, context: SettingsContext): number {
		return this.#keys.expiresAt(parseEnvelope(envelope, context).kid, context.organizationId);
	}

	async #load(keyId: string, context: SettingsContext): Promise<TenantKey> {
		try {
			return await this.#keys.load(keyId, context.organizationId);
		} catch (error) {
			throw ofDestination(error, context);
		}
	}
}

/** Settings in clear as JSON. What throws when it is looked at, such as a getter, may throw anything. */
function jsonOf(settings: unknown): string {
	const refused = (message: string) => new ValidationError([{ path: ['settings'], message }]);
	try {
		const json = settingsToJson(settings);
		// What was written as JSON is an object.
		if (looksLikeEnvelope(settings as object))
			throw refused('are encrypted already; give them in clear');
		return json;
	} catch (error) {
		throw error instanceof ValidationError
			? error
			: refused('could not be read; give plain values');
	}
}

/** The error of a key as one of the destination: all that wait for the key get the same one. */
function ofDestination(
	error: unknown,
	{ destinationId, organizationId }: SettingsContext,
): unknown {
	for (const Kind of [UnknownKeyError, KeyUnavailableError, ConfigurationError]) {
		if (error instanceof Kind) return new Kind(error.message, { destinationId, organizationId });
	}
	return error;
}

function openSettings(
	envelope: SettingsEnvelope,
	key: TenantKey,
	context: SettingsContext,
): Record<string, unknown> {
	const settings = settingsFromJson(openJson(envelope, key, context));
	if (settings === undefined) throw decryptionFailed(context);
	return settings;
}

/** The provider that was given, or the key ring that the text says. */
export function keyProvider(keys: Keys | undefined): KeyProvider {
	if (isKeyProvider(keys)) return keys;
	if (keys === undefined || typeof keys === 'string') return new Keyring(keys);
	throw new ConfigurationError(`\`keys\` ${expectedKeys}.`);
}

const maxContextLength = 255;
const expected = `must be text of 1 to ${maxContextLength} characters`;
const boundText = z
	.string({ error: expected })
	.min(1)
	.max(maxContextLength)
	.refine((value) => value.isWellFormed());
/** Ids are compared as Postgres compares uuids: without regard to how they are written. */
const id = boundText.transform(canonicalId);
const contextSchema = optionsOf({
	organizationId: id,
	destinationId: id,
	type: boundText,
} satisfies OptionSchemas<SettingsContext>);
