import { inspect } from 'node:util';
import type { DestinationType, SettingsOf } from '../destinations/registry.ts';
import type { ConsentPurpose, Environment } from '../destinations/vocabulary.ts';

/** What the class below is made of. */
interface Parts<T extends DestinationType> {
	readonly id: string;
	readonly organizationId: string;
	readonly type: T;
	readonly environment: Environment;
	readonly settings: Readonly<SettingsOf<T>>;
	readonly requiredConsent: readonly ConsentPurpose[];
	readonly testMode: boolean;
	readonly version: number;
}

/**
 * A destination of one type, as a loader returns it: what is needed to send an event. It is deeply frozen.
 *
 * `settings` are not shown by `console.log`, and are not part of JSON or of a copy `{ ...destination }`, so that secrets do
 * not get into logs.
 */
export class LoadedDestinationOf<T extends DestinationType> {
	/** UUID. */
	readonly id: string;
	/** The organization (tenant) it belongs to, a UUID. */
	readonly organizationId: string;
	/** The type of the destination, which discriminates the union. */
	readonly type: T;
	/** The deployment stage that it is for. */
	readonly environment: Environment;
	/** The purposes that a visitor must have consented to, all of them, before this destination gets an event. */
	readonly requiredConsent: readonly ConsentPurpose[];
	/** Whether events are marked as tests, if the provider supports it. */
	readonly testMode: boolean;
	/** Counts configuration changes, from 1. */
	readonly version: number;
	readonly #settings: Readonly<SettingsOf<T>>;

	/** @internal */
	constructor(parts: Parts<T>) {
		this.id = parts.id;
		this.organizationId = parts.organizationId;
		this.type = parts.type;
		this.environment = parts.environment;
		this.requiredConsent = Object.freeze(parts.requiredConsent);
		this.testMode = parts.testMode;
		this.version = parts.version;
		this.#settings = deepFreeze(parts.settings);
		Object.freeze(this);
	}

	/** The decrypted settings. Rows that were written under older validation rules are returned as they are. */
	get settings(): Readonly<SettingsOf<T>> {
		return this.#settings;
	}

	/** What `console.log` shows: everything but the settings, even if getters are asked for. */
	[inspect.custom](): object {
		return { ...this };
	}
}

/**
 * A destination that is enabled, as a loader returns it. A union discriminated by `type`.
 *
 * @example
 * ```ts
 * import type { LoadedDestination } from '@consent-io/destinations';
 *
 * function hostOf(destination: LoadedDestination): string | undefined {
 *   return destination.type === 'posthog' ? destination.settings.host : undefined;
 * }
 * ```
 */
export type LoadedDestination = {
	[T in DestinationType]: LoadedDestinationOf<T>;
}[DestinationType];

function deepFreeze<V>(value: V): V {
	if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
	for (const inner of Object.values(value)) deepFreeze(inner);
	return Object.freeze(value);
}
