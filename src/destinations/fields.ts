import { z } from 'zod';
import { required } from '../input/checks.ts';
import { isMasked } from './mask.ts';

/** How the text of one setting must look. */
interface TextRule {
	/** All of what is allowed, anchored, without white space. */
	readonly pattern: RegExp;
	/** The longest value, in UTF-16 units, after trimming. */
	readonly max: number;
	/** What would be right, to follow the field's name: `must be …`. */
	readonly expected: string;
	/** Other things that people paste here by mistake, and what to call them. */
	readonly mistakes?: readonly (readonly [pattern: RegExp, name: string])[];
}

const MASKED =
	'is a masked value, as redact() shows it; send the real one, or leave the field out of patchSettings() to keep the stored one';

/** Printable ASCII without white space: safe in an HTTP header, whatever a provider's keys look like. */
export const printable = /^[!-~]+$/;

function refusal(rule: TextRule, input: unknown): string {
	const text = String(input);
	if (isMasked(text)) {
		return MASKED;
	}
	const mistake = rule.mistakes?.find(([pattern]) => pattern.test(text));
	return mistake === undefined ? rule.expected : `is ${mistake[1]}, but ${rule.expected}`;
}

/**
 * A trimmed text setting. The pattern is a plain zod `regex`, so that JSON Schema made from the schema has it;
 * a masked value can never match and is told apart in the message.
 */
export function text(rule: TextRule) {
	return z
		.string({ error: required('must be text') })
		.trim()
		.max(rule.max, { abort: true, error: `must be at most ${rule.max} characters long` })
		.regex(rule.pattern, { error: ({ input }) => refusal(rule, input) });
}

/** A setting out of a fixed list. */
export function choice<const T extends readonly string[]>(values: T) {
	return z.enum(values, { error: required(`must be one of ${values.join(', ')}`) });
}

/** A switch with its default. */
export function toggle(preset: boolean) {
	return z.boolean({ error: 'must be true or false' }).default(preset);
}

/** The switches that every type has; both are on unless turned off. */
export const sides = {
	/** Whether the server sends events to this destination. */
	enableServerSide: toggle(true),
	/** Whether browsers load this destination. */
	enableClientSide: toggle(true),
};
