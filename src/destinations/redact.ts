import type { DestinationsErrorCode } from '../errors.ts';
import { isJsonRecord } from '../input/json-record.ts';
import { MASK, mask } from './mask.ts';
import { visibilityOf } from './registry.ts';
import { settingsError, withoutSettings } from './unopened.ts';

/**
 * A destination whose settings are for display only: secrets are masked, so the settings have no type to rely on. If the
 * stored settings do not decrypt, `settings` is null, and `settingsError` is the code of the reason.
 */
export type Redacted<D> = D extends unknown
	? Omit<D, 'settings' | 'settingsError'> &
			(
				| { settings: Record<string, unknown>; settingsError?: undefined }
				| { settings: null; settingsError: DestinationsErrorCode }
			)
	: never;

/**
 * A redacted copy of a destination, for lists and logs. It has the same fields, but a mask instead of each secret, with the
 * last four characters if the secret has 20 or more. Writes refuse masks, so a mask never overwrites a secret.
 *
 * It fails closed: settings that the type does not declare are masked completely, and so are all settings of an unknown
 * type. If the stored settings do not decrypt, `settings` is null, and `settingsError` is the code of the error.
 *
 * @param destination - From the repository, or a row of the Prisma client.
 * @example
 * ```ts
 * import { type Destination, redact } from '@consent-io/destinations';
 *
 * declare const destination: Destination;
 *
 * console.log(redact(destination));
 * // { type: 'meta-pixel', settings: { pixelId: '1234567890', accessToken: '••••••••x9Qz', … }, … }
 * ```
 */
export function redact<D extends { readonly type: string; readonly settings: unknown }>(
	destination: D,
): Redacted<D> {
	const error = settingsError(destination);
	const redacted =
		error === undefined
			? { ...destination, settings: redactSettings(destination.type, destination.settings) }
			: { ...withoutSettings(destination), settings: null, settingsError: error.code };
	// A spread of a generic is an intersection to TypeScript, not a replacement.
	return redacted as unknown as Redacted<D>;
}

/** Settings of a type as lists show them. */
export function redactSettings(type: string, settings: unknown): Record<string, unknown> {
	const visibility = visibilityOf(type);
	const entries = isJsonRecord(settings) ? Object.entries(settings) : [];
	return Object.fromEntries(
		entries.map(([field, value]) => [field, visible(visibility[field], value)]),
	);
}

function visible(visibility: string | undefined, value: unknown): unknown {
	if (visibility === 'secret') {
		return mask(value);
	}
	// No type declares a nested setting, so whatever may be inside one is not known to be harmless.
	const isDeclared = visibility === 'browser' || visibility === 'server';
	return isDeclared && !(typeof value === 'object' && value !== null) ? value : MASK;
}
