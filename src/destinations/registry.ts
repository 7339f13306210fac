import type { z } from 'zod';
import { amplitude } from './amplitude.ts';
import { consoleDestination } from './console.ts';
import type { ConnectionTest, DestinationDefinition, Visibility } from './definition.ts';
import { googleAnalytics } from './google-analytics.ts';
import { metaPixel } from './meta-pixel.ts';
import { mixpanel } from './mixpanel.ts';
import { posthog } from './posthog.ts';
import type { ConsentPurpose } from './vocabulary.ts';

/**
 * Every destination type. A new one is a file beside the others, a line here, and a migration that adds the
 * type to the CHECK of the table; everything else follows from these.
 */
const registry = {
	posthog,
	'meta-pixel': metaPixel,
	'google-analytics': googleAnalytics,
	console: consoleDestination,
	mixpanel,
	amplitude,
};

type Registry = typeof registry;

/** The name of a destination type, as the database holds it. */
export type DestinationType = keyof Registry;

/** The settings of a type as they are stored: complete, with every default filled in. */
export type SettingsOf<T extends DestinationType> = z.output<Registry[T]['settings']>;

/** The settings of a type as input: those with a default can be left out. */
export type SettingsInputOf<T extends DestinationType> = z.input<Registry[T]['settings']>;

/** The settings of a type that a browser may see. */
export type ClientSettingsOf<T extends DestinationType> = Pick<
	SettingsOf<T>,
	{
		[K in keyof Registry[T]['visibility']]: Registry[T]['visibility'][K] extends 'browser'
			? K
			: never;
	}[keyof Registry[T]['visibility']] &
		keyof SettingsOf<T>
>;

/** The names of all destination types. */
export const destinationTypes: readonly DestinationType[] =
	// `Object.keys` returns strings; these are exactly the registry's keys.
	Object.keys(registry) as DestinationType[];

/**
 * The zod schema of each type's settings, for forms and API contracts. The schemas are strict, trim texts, and fill in
 * defaults. Their messages never repeat a value. Writes through this package already validate with them.
 *
 * @example
 * ```ts
 * import { settingsSchemas } from '@consent-io/destinations';
 *
 * settingsSchemas.posthog.parse({ apiKey: 'phc_example' }).host; // 'https://eu.i.posthog.com'
 * ```
 */
export const settingsSchemas = Object.fromEntries(
	destinationTypes.map((type) => [type, registry[type].settings]),
	// `fromEntries` forgets which schema belongs to which type.
) as { readonly [T in DestinationType]: Registry[T]['settings'] };

/** Whether a value names a destination type. */
export function isDestinationType(value: unknown): value is DestinationType {
	return typeof value === 'string' && Object.hasOwn(registry, value);
}

/** Who may see each setting of a type; for an unknown type nobody is named, so nobody may. */
export function visibilityOf(type: unknown): Readonly<Record<string, Visibility>> {
	return isDestinationType(type) ? registry[type].visibility : {};
}

/** Everything that is known of a type. */
export function definitionOf(type: DestinationType): DestinationDefinition {
	return registry[type];
}

/** What a visitor must have consented to where the destination does not say it. */
export function requiredConsentOf(type: DestinationType): ConsentPurpose[] {
	return [...registry[type].requiredConsent];
}

/** The settings that lead to a local network. */
export function localSettingsOf<T extends DestinationType>(
	type: T,
	settings: unknown,
): readonly string[] {
	return definitionOf(type).localSettings?.(settings as Record<string, unknown>) ?? []; // of this type, as was checked
}

/** How a type's connection is tested. */
export function connectionTestOf<T extends DestinationType>(
	type: T,
): ConnectionTest<SettingsOf<T>> {
	// Seen as a mapped type, the compiler knows that the settings belong to the type.
	const tests: { [K in DestinationType]: { connectionTest: ConnectionTest<SettingsOf<K>> } } =
		registry;
	return tests[type].connectionTest;
}
