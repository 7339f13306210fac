import type { DestinationType, SettingsInputOf, SettingsOf } from './registry.ts';
import type { ConnectionStatus, ConsentPurpose, Environment } from './vocabulary.ts';

/** A destination of one type, with its settings decrypted. */
export interface DestinationOf<T extends DestinationType> {
	/** UUID. Never changes. */
	id: string;
	/** The organization (tenant) it belongs to, a UUID. Never changes. */
	organizationId: string;
	/** Never changes. */
	type: T;
	/** For people; 1 to 255 characters. */
	name: string;
	/** For people; at most 5,000 characters. */
	description: string | null;
	/** The deployment stage that it is for. An organization has at most one live destination of each type in it. */
	environment: Environment;
	/**
	 * The decrypted settings. Pass a destination through `redact` before it goes to a log or a list. Rows that were written
	 * under older validation rules are returned as they are, so do not rely on the formats.
	 */
	settings: SettingsOf<T>;
	/** Whether the row's settings are stored encrypted. */
	settingsEncrypted: boolean;
	/** The purposes that a visitor must have consented to, all of them, before this destination gets an event. */
	requiredConsent: ConsentPurpose[];
	/** Whether it gets events. Your service must check this: the package sends no events. */
	enabled: boolean;
	/** Whether events are marked as tests, if the provider supports it. Your service must do this. */
	testMode: boolean;
	/** When the connection was last tested; null before the first test. */
	lastTestedAt: Date | null;
	/** What the last connection test found; `unknown` again once the settings change. */
	connectionStatus: ConnectionStatus;
	/** What the last connection test found wrong, at most 500 characters, without secrets; null if it succeeded. */
	lastError: string | null;
	/** When it was soft-deleted; null while it is live. */
	deletedAt: Date | null;
	/** By the database's clock. */
	createdAt: Date;
	/** By the database's clock. It increases with each change, also within one transaction. */
	updatedAt: Date;
	/** UUID of the user who created it; null for a system, or if the user was deleted. */
	createdBy: string | null;
	/** UUID of the user who last changed it; null for a system, or if the user was deleted. */
	updatedBy: string | null;
	/** Counts configuration changes, from 1; for optimistic concurrency. */
	version: number;
}

/**
 * Where an organization's events are sent in one environment. A union discriminated by `type`.
 *
 * @example
 * ```ts
 * import type { Destination } from '@consent-io/destinations';
 *
 * function hostOf(destination: Destination): string | undefined {
 *   return destination.type === 'posthog' ? destination.settings.host : undefined;
 * }
 * ```
 */
export type Destination = { [T in DestinationType]: DestinationOf<T> }[DestinationType];

/** What never changes of a destination, and what its settings are bound to. */
export interface Identity<T extends string = DestinationType> {
	readonly id: string;
	readonly organizationId: string;
	readonly type: T;
}

/** The input for a new destination of one type. */
export interface CreateDestinationInputOf<T extends DestinationType> {
	/** UUID. */
	organizationId: string;
	/** Never changes. */
	type: T;
	/** 1 to 255 characters after trimming, without control characters. */
	name: string;
	/** At most 5,000 characters. */
	description?: string | null;
	/** The environment whose events it gets. @defaultValue `'production'` */
	environment?: Environment;
	/** Settings with a default can be left out. At most 64 KiB as JSON. */
	settings: SettingsInputOf<T>;
	/** Duplicates are dropped. @defaultValue what the type needs: `describeSettings(type).requiredConsent` */
	requiredConsent?: readonly ConsentPurpose[];
	/** Whether events go to it. @defaultValue `true` */
	enabled?: boolean;
	/** Whether the service that sends events is to mark them as tests. @defaultValue `false` */
	testMode?: boolean;
	/**
	 * UUID of the user who creates it, for `asService()` without an actor. In a scope with an actor it can only be that
	 * actor. In the scope of an organization without an actor, it is refused.
	 */
	createdBy?: string;
}

/** The input for a new destination. A union discriminated by `type`. */
export type CreateDestinationInput = {
	[T in DestinationType]: CreateDestinationInputOf<T>;
}[DestinationType];

/**
 * Changes to a destination. Fields that are left out stay the same. `settings` replaces all settings. The type, the
 * organization and the id never change.
 */
export interface UpdateDestinationInput<T extends DestinationType = DestinationType> {
	/** 1 to 255 characters after trimming, without control characters. */
	name?: string;
	/** At most 5,000 characters; null removes it. */
	description?: string | null;
	/** The organization must not have another live destination of this type there. */
	environment?: Environment;
	/** All settings; `patchSettings` merges. */
	settings?: SettingsInputOf<T>;
	/** Duplicates are dropped. */
	requiredConsent?: readonly ConsentPurpose[];
	/** Whether it gets events. */
	enabled?: boolean;
	/** Whether events are marked as tests. */
	testMode?: boolean;
}
