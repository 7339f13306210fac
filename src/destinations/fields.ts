import { z } from 'zod';
import type { RaisedIssue } from '../errors.ts';
import { isRequired, required, requiredInput } from '../input/checks.ts';
import { isMasked } from './mask.ts';

/** What a form shows beside a setting. */
export interface FieldLabel {
	/** The provider's own name for it, where it has one. */
	readonly title: string;
	/** One or two sentences: what it does, and where to find it. */
	readonly description: string;
	/** A value that could be right. */
	readonly example?: string;
}

/** What is known of a setting besides the values that it takes. */
export interface FieldInfo extends FieldLabel {
	readonly kind: 'text' | 'url' | 'choice' | 'switch';
	/** What a `choice` may be. */
	readonly options?: readonly string[];
	/** What counts while nothing is chosen. It is not stored. */
	readonly preset?: string | boolean;
	/** The longest text, in UTF-16 units. */
	readonly maxLength?: number;
	/** All of what a text may be, as the source of a regular expression. */
	readonly pattern?: string;
	/** Whether it may be left out in any case; others are asked for always, or by a rule of the type. */
	readonly optional: boolean;
	readonly mistakes?: readonly Mistake[];
}

/** Other things that people paste into a field, and what to call them. */
type Mistake = readonly [pattern: RegExp, name: string];

/** How the text of one setting must look. */
interface TextRule extends FieldLabel {
	/** All of what is allowed, anchored, without white space. */
	readonly pattern: RegExp;
	/** The longest value, in UTF-16 units, after trimming. */
	readonly max: number;
	/** What would be right, to follow the field's name: `must be …`. */
	readonly expected: string;
	readonly mistakes?: readonly Mistake[];
	/** For what people write in more than one way. Runs after trimming. */
	readonly normalize?: (value: string) => string;
}

/** A field that may be left out, or be given as null or empty text, as forms do. */
export type Omissible<T> = z.ZodOptional<z.ZodType<T, T | null | ''>>;

/** The same with a value that counts meanwhile. */
export type WithPreset<T> = z.ZodDefault<z.ZodType<T, T | null | ''>>;

/** What is known of each field, by its schema. */
const fieldInfos = new WeakMap<z.core.$ZodType, FieldInfo>();

export function infoOfField(schema: z.core.$ZodType | undefined): FieldInfo | undefined {
	return schema && fieldInfos.get(schema);
}

const MASKED =
	'is a masked value, as redact() shows it; send the real one, or leave the field out of patchSettings() to keep the stored one';

/** Printable ASCII without white space, but no URL: safe in an HTTP header, whatever a provider's keys look like. */
export const printable = /^(?![a-z]{3,5}:\/\/)[!-~]+$/i;

const url: Mistake = [/^[a-z]{3,5}:\/\//i, 'a URL'];

function refusal(expected: string, mistakes: readonly Mistake[], input: unknown): string {
	const text = String(input);
	if (text === '') return isRequired;
	if (isMasked(text)) return MASKED;
	const mistake = mistakeIn(mistakes, text);
	return mistake === undefined ? expected : `is ${mistake}, but ${expected}`;
}

function mistakeIn(mistakes: readonly Mistake[], text: string): string | undefined {
	return mistakes.find(([pattern]) => pattern.test(text))?.[1];
}

/** Why a field refuses a text that does not have its format, where the code alone does not say it. */
export function kindOfRefusal(
	field: z.core.$ZodType | undefined,
	value: unknown,
): Pick<RaisedIssue, 'code' | 'params'> {
	if (typeof value !== 'string') return {};
	if (isMasked(value.trim())) return { code: 'masked' };
	const { mistakes = [] } = infoOfField(field) ?? {};
	const mistake = mistakeIn(mistakes, value.trim());
	return mistake === undefined ? {} : { code: 'wrong_value', params: { is: mistake } };
}

/**
 * A trimmed text setting. The pattern is a plain zod `regex`, so that JSON Schema made from the schema has it;
 * a masked value can never match and has a message of its own.
 */
function textSchema({ max, pattern, expected, normalize, mistakes = [] }: TextRule) {
	const trimmed = z
		.string({ error: requiredInput('must be text') })
		.trim()
		.max(max, { abort: true, error: `must be at most ${max} characters long` });
	return (normalize === undefined ? trimmed : trimmed.overwrite(normalize)).regex(pattern, {
		error: ({ input }) => refusal(expected, [...mistakes, url], input),
	});
}

function infoOf(rule: TextRule, optional: boolean): FieldInfo {
	const { max: maxLength, pattern, mistakes = [] } = rule;
	return {
		...label(rule),
		kind: 'text',
		maxLength,
		pattern: pattern.source,
		optional,
		mistakes: [...mistakes, url],
	};
}

/** A text that must be there. */
export function text(rule: TextRule) {
	return described(textSchema(rule), infoOf(rule, false));
}

/** A text that may be left out. */
export function optionalText(rule: TextRule): Omissible<string> {
	return omissible(textSchema(rule), infoOf(rule, true));
}

/** One of a list; read in either case, as people write regions. */
export function choice<const T extends readonly string[]>(
	options: T,
	preset: T[number],
	about: FieldLabel,
): WithPreset<T[number]> {
	const info = { ...about, kind: 'choice', options, preset, optional: true } as const;
	const read = (value: unknown) => (typeof value === 'string' ? value.trim().toLowerCase() : value);
	return orPreset<T[number]>(z.preprocess(read, oneOf(options)), preset, info);
}

/** A switch. */
export function toggle(preset: boolean, about: FieldLabel): WithPreset<boolean> {
	const info = { ...about, kind: 'switch', preset, optional: true } as const;
	return orPreset(z.boolean({ error: 'must be true or false' }), preset, info);
}

/** A field that may be left out. */
export function omissible<T>(schema: z.ZodType<T>, info: FieldInfo): Omissible<T> {
	const given = z.preprocess(blankAsNone, schema.optional());
	return described(given as unknown as Omissible<T>, info); // says what it takes, which `preprocess` does not
}

/** A field for which something counts while nothing is chosen. */
export function orPreset<T extends string | boolean>(
	schema: z.ZodType<T>,
	preset: T,
	info: FieldInfo,
): WithPreset<T> {
	const given = z.preprocess(blankAsNone, schema.default(preset as never)); // T is what the schema returns
	return described(given as unknown as WithPreset<T>, info); // says what it takes, which `preprocess` does not
}

/** One of a list, exactly. */
export function oneOf<const T extends readonly string[]>(values: T) {
	return z.enum(values, { error: required(`must be one of ${values.join(', ')}`) });
}

/** An empty input is not a value: forms have no other way to say so. */
export function blankAsNone(value: unknown): unknown {
	return value === null || (typeof value === 'string' && value.trim() === '') ? undefined : value;
}

/** Registers what is known of a field: for `describeSettings`, and for JSON Schema made from the schema. */
function described<S extends z.ZodType>(schema: S, info: FieldInfo): S {
	const { title, description, example } = info;
	const examples = example === undefined ? {} : { examples: [example] };
	// `meta` makes a copy, which is the one to know.
	const named = schema.meta({ title, description, ...examples });
	fieldInfos.set(named, info);
	return named;
}

function label({ title, description, example }: FieldLabel): FieldLabel {
	return { title, description, ...(example !== undefined && { example }) };
}

/** The switches that every type has; both are on unless turned off. */
export const sides = {
	/** Whether the server sends events to this destination. */
	enableServerSide: toggle(true, {
		title: 'Send from the server',
		description: 'Whether the server sends events to this destination.',
	}),
	/** Whether browsers load this destination. */
	enableClientSide: toggle(true, {
		title: 'Send from the browser',
		description: 'Whether browsers load this destination.',
	}),
};
