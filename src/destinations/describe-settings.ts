import type { Visibility } from './definition.ts';
import { type FieldInfo, infoOfField } from './fields.ts';
import { type DestinationType, definitionOf, requiredConsentOf } from './registry.ts';
import { assertKnown } from './validate.ts';
import type { ConsentPurpose } from './vocabulary.ts';

/** One setting, as a form needs it. */
export interface SettingDescription {
	/** The name that it has in `settings`. */
	readonly name: string;
	/** What people call it, in English: the provider's own name, where there is one. */
	readonly title: string;
	/** One or two sentences, in English: what it does, and where to find it. */
	readonly description: string;
	/** A value that could be right. */
	readonly example?: string;
	/** `url` is a text that is a URL. */
	readonly kind: 'text' | 'url' | 'choice' | 'switch';
	/** What a `choice` may be. */
	readonly options?: readonly string[];
	/** What counts while nothing is chosen. */
	readonly preset?: string | boolean;
	/** The longest text, in UTF-16 units after trimming. */
	readonly maxLength?: number;
	/** The source of a regular expression, with the flag `i`, that a trimmed text must match. */
	readonly pattern?: string;
	/** Whether lists and logs show a mask instead. */
	readonly secret: boolean;
	/** Who may see it. */
	readonly visibility: Visibility;
	/** Whether it must always be given. */
	readonly required: boolean;
	/** The switch that it must be given with. */
	readonly requiredWhen?: string;
}

/** Settings of which either all or none are given. */
export interface SettingsGroup {
	/** What they are together, in English. */
	readonly title: string;
	/** Their names. */
	readonly allOrNone: readonly string[];
}

/** Everything that a form needs to know of a destination type. */
export interface SettingsDescription {
	/** The type's name, as destinations have it. */
	readonly type: DestinationType;
	/** As the provider writes its name. */
	readonly title: string;
	/** What a visitor must have consented to, unless the destination says otherwise. */
	readonly requiredConsent: readonly ConsentPurpose[];
	/** In the order in which a form shows them. */
	readonly fields: readonly SettingDescription[];
	/** Settings that belong together. */
	readonly groups: readonly SettingsGroup[];
}

/**
 * The settings of a type as data, to make a form or a document from without a word about the type itself. JSON of
 * it holds the same.
 *
 * @throws {ValidationError} If there is no such type.
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
