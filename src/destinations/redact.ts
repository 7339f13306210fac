import type { DestinationsErrorCode } from '../errors.ts';
import { isJsonRecord } from '../input/json-record.ts';
import { MASK, mask } from './mask.ts';
import { visibilityOf } from './registry.ts';
import { settingsError, withoutSettings } from './unopened.ts';

/**
 * A destination whose settings are for the eye only: secrets are masked, so they have no type to rely on. Where
 * the stored settings do not decrypt, they are null, and `settingsError` is the code of the reason.
 */
export type Redacted<D> = D extends unknown
	? Omit<D, 'settings' | 'settingsError'> &
			(
				| { settings: Record<string, unknown>; settingsError?: undefined }
				| { settings: null; settingsError: DestinationsErrorCode }
			)
	: never;

/**
 * The form of a destination for lists and logs: the same fields, but of each secret only a mask, with the last
 * four characters where it is long. A masked value that is sent back is refused, so it never overwrites a secret.
 *
 * Fails closed: settings that the type does not declare are masked whole, and for an unknown type all are. One
 * whose stored settings do not decrypt has null instead, and the error's code in `settingsError`.
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
