import { DestinationsError } from '../errors.ts';
import type { DestinationOf } from './destination.ts';
import type { DestinationType } from './registry.ts';

/**
 * A destination whose stored settings do not decrypt, as plain data: all its other fields, and the reason. It is for pages
 * that show and repair such rows; `list({ unopened: 'mark' })` returns it.
 */
export interface UnopenedDestination extends Omit<DestinationOf<DestinationType>, 'settings'> {
	/** Always null, which distinguishes it from a destination whose settings decrypted. */
	settings: null;
	/** Why the settings did not decrypt: `DECRYPTION_FAILED`, `UNKNOWN_KEY` or `KEY_UNAVAILABLE`. */
	settingsError: DestinationsError;
}

/**
 * Why the stored settings of a destination did not decrypt, without throwing the error; undefined if they did.
 *
 * Such a destination makes no list and no write fail: it is returned with all its other fields, and only reading its
 * `settings` throws this error. To go on with the others, call this function before you read `settings`.
 *
 * @param destination - From the repository, or a row of the Prisma client.
 * @example
 * ```ts
 * import { type ScopedClient, settingsError } from '@consent-io/destinations';
 *
 * declare const system: ScopedClient;
 *
 * for (const destination of await system.destinations.findByType('posthog')) {
 *   const error = settingsError(destination);
 *   if (error) console.error(`${error.code} ${error.organizationId} ${error.destinationId}`);
 *   else console.log(destination.settings);
 * }
 * ```
 */
export function settingsError(destination: {
	readonly settings: unknown;
}): DestinationsError | undefined {
	if ('settingsError' in destination && destination.settingsError instanceof DestinationsError) {
		return destination.settingsError;
	}
	try {
		// What `markUnopened` puts here throws now, or in the next line.
		const { settings } = destination;
		if (typeof settings === 'object' && settings !== null) Reflect.has(settings, '');
		return undefined;
	} catch (error) {
		if (error instanceof DestinationsError) return error;
		throw error;
	}
}

/**
 * Has every read of the row's settings throw. The accessor is enumerable, so that a copy or JSON of the row
 * fails as well instead of going on without settings. Node's `inspect` does not call it.
 */
export function markUnopened(row: object, error: DestinationsError): void {
	const get = () => {
		throw error;
	};
	Object.defineProperty(row, 'settings', { get, enumerable: true, configurable: true });
}

/**
 * As {@link markUnopened} where something reads the settings of each row before the caller does, and would
 * fail: reading them throws nothing, and everything that can be done with them does.
 */
export function markUnopenedUntilUse(row: { settings?: unknown }, error: DestinationsError): void {
	const refuse = () => {
		throw error;
	};
	const traps = { get: refuse, has: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse };
	row.settings = new Proxy(new UnopenedSettings(), {
		...traps,
		set: refuse,
		getPrototypeOf: refuse,
	});
}

/** For its name, which is what `inspect` shows. */
class UnopenedSettings {}

/** A plain copy of a row without its settings, which are not read. */
export function withoutSettings(row: object): Record<string, unknown> {
	const copy: Record<string, unknown> = {};
	for (const name of Object.keys(row)) {
		// Any object can be read by the names of its members.
		if (name !== 'settings') copy[name] = (row as Record<string, unknown>)[name];
	}
	return copy;
}
