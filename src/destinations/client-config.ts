import { isJsonRecord } from '../input/json-record.ts';
import type { Destination } from './destination.ts';
import { type ClientSettingsOf, type DestinationType, visibilityOf } from './registry.ts';
import { settingsError } from './unopened.ts';
import type { ConsentPurpose } from './vocabulary.ts';

/** What a browser sees of a destination of one type. */
interface ClientConfigOf<T extends DestinationType> {
	type: T;
	/** What the visitor must have consented to, all of it, before the destination is loaded. */
	requiredConsent: ConsentPurpose[];
	testMode: boolean;
	/** Only the settings that the type declares as visible to a browser. */
	settings: ClientSettingsOf<T>;
}

/** What a browser gets of a destination. A union discriminated by `type`. */
export type ClientConfig = { [T in DestinationType]: ClientConfigOf<T> }[DestinationType];

/**
 * The part of a destination that a web page needs to load it, or null if a browser must not load it: it is disabled,
 * deleted, or not enabled for the client side.
 *
 * It holds no ids, names or environment: an organization has one live destination of a type in an environment, so `type`
 * identifies it. It fails closed: a setting that its type does not declare as visible is left out, and for an unknown type
 * it returns null.
 *
 * @throws DecryptionFailedError, UnknownKeyError or KeyUnavailableError if the destination is enabled and its stored
 * settings do not decrypt. To go on with the others, check {@link settingsError} first.
 *
 * @example
 * ```ts
 * import { type ScopedClient, toClientConfig } from '@consent-io/destinations';
 *
 * declare const acme: ScopedClient;
 *
 * const { items } = await acme.destinations.list({ environment: 'production' });
 * const configs = items.map(toClientConfig).filter((config) => config !== null);
 * // [{ type: 'meta-pixel', requiredConsent: ['marketing'], testMode: false, settings: { pixelId: '1234567890' } }]
 * ```
 */
export function toClientConfig(destination: Destination): ClientConfig | null {
	const { type, enabled, deletedAt, testMode, requiredConsent } = destination;
	if (!enabled || deletedAt) return null;
	const error = settingsError(destination);
	if (error !== undefined) throw error;
	// Rows are read as they are, so the settings may lack what the types promise.
	const settings: unknown = destination.settings;
	if (!isJsonRecord(settings) || settings.enableClientSide !== true) {
		return null;
	}
	const visibility = visibilityOf(type);
	const visible = Object.entries(settings).filter(
		([field, value]) => visibility[field] === 'browser' && typeof value !== 'object',
	);
	if (visible.length === 0) {
		return null;
	}
	const config = {
		type,
		requiredConsent: [...requiredConsent],
		testMode,
		settings: Object.fromEntries(visible),
	};
	// The fields that were kept are the ones that ClientSettingsOf keeps: both go by the visibility.
	return config as ClientConfig;
}
