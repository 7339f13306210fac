import type { Visibility } from './definition.ts';
import { type FieldInfo, infoOfField } from './fields.ts';
import { type DestinationType, definitionOf, requiredConsentOf } from './registry.ts';
import { assertKnown } from './validate.ts';
import type { ConsentPurpose } from './vocabulary.ts';

/** One setting, as a form needs it. */
export interface SettingDescription {
	/** Its name in `settings`. */
	readonly name: string;
	/** Its label, in English: the provider's own name, if there is one. */
	readonly title: string;
	/** One or two sentences, in English: what it does, and where to find its value. */
	readonly description: string;
	/** An example of a value. */
	readonly example?: string;
	/** The kind of input. `url` is text that must be a URL. */
	readonly kind: 'text' | 'url' | 'choice' | 'switch';
	/** The values of a `choice`. */
	readonly options?: readonly string[];
	/** The value that applies while nothing is chosen. */
	readonly preset?: string | boolean;
	/** The maximum length of a text, in UTF-16 code units, after trimming. */
	readonly maxLength?: number;
	/** The source of a regular expression with the flag `i`, which the trimmed text must match. */
	readonly pattern?: string;
	/** Whether lists and logs show a mask instead of the value. */
	readonly secret: boolean;
	/** Who may see the value. */
	readonly visibility: Visibility;
	/** Whether a value must always be given. */
	readonly required: boolean;
	/** The switch that makes it required while it is on. */
	readonly requiredWhen?: string;
}

/** Settings that must be given all together, or not at all. */
export interface SettingsGroup {
	/** Their common label, in English. */
	readonly title: string;
	/** The names of these settings. */
	readonly allOrNone: readonly string[];
}

/** Everything that a form needs to know about a destination type. */
export interface SettingsDescription {
	/** The type's name, as destinations have it. */
	readonly type: DestinationType;
	/** The name of the provider, as the provider writes it. */
	readonly title: string;
	/** The purposes that a visitor must have consented to, unless the destination says otherwise. */
	readonly requiredConsent: readonly ConsentPurpose[];
	/** The settings, in the order in which a form shows them. */
	readonly fields: readonly SettingDescription[];
	/** Settings that belong together. */
	readonly groups: readonly SettingsGroup[];
}

/**
 * The settings of a type as data, for forms and documents that need no code of their own for the type. Nothing is lost if
 * it is sent as JSON.
 *
 * @throws ValidationError if there is no such type.
 * @example
 * ```ts
 * import { describeSettings } from '@consent-io/destinations';
 *
 * for (const { name, title, secret } of describeSettings('meta-pixel').fields) {
 *   console.log(name, title, secret ? 'password' : 'text'); // pixelId Pixel ID text, …
 * }
 * ```
 */
export function describeSettings(type: DestinationType): SettingsDescription {
	assertKnown(type);
	const { title, settings, rules, visibility } = definitionOf(type);
	const requiredWhen = new Map(
		rules.flatMap((rule) =>
			rule.kind === 'required-when' ? [[rule.field, rule.on] as const] : [],
		),
	);
	const fields = Object.entries(settings.shape).map(([name, schema]) => {
		const info = infoOfField(schema);
		if (info === undefined) throw new Error(`The setting ${name} of ${type} has no description`);
		return describe(name, info, visibility[name] ?? 'secret', requiredWhen.get(name));
	});
	const groups = rules.flatMap((rule) =>
		rule.kind === 'all-or-none' ? [{ title: rule.title, allOrNone: [...rule.fields] }] : [],
	);
	return { type, title, requiredConsent: requiredConsentOf(type), fields, groups };
}

function describe(
	name: string,
	{ optional, mistakes: _, options, ...info }: FieldInfo,
	visibility: Visibility,
	requiredWhen: string | undefined,
): SettingDescription {
	return {
		name,
		...info,
		...(options !== undefined && { options: [...options] }),
		secret: visibility === 'secret',
		visibility,
		required: !optional,
		...(requiredWhen !== undefined && { requiredWhen }),
	};
}
