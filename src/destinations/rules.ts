import { z } from 'zod';
import type { ValidationCode } from '../errors.ts';

/** What a type asks of several settings together. Data, so that a form can heed it too. */
export type Rule =
	/** A setting that may only be left out while a switch is off. */
	| { readonly kind: 'required-when'; readonly field: string; readonly on: string }
	/** Settings that are given together, or not at all. */
	| { readonly kind: 'all-or-none'; readonly fields: readonly string[]; readonly title: string }
	/** Anything else, as a condition on one setting. */
	| ({ readonly kind: 'condition' } & Condition);

/** Settings as they stand before it is known whether they are right. */
type Candidate = Readonly<Record<string, unknown>>;

interface Condition {
	readonly field: string;
	readonly holds: (settings: Candidate) => boolean;
	/** What is wrong, to follow the field's name. */
	readonly message: string;
	/** The stable code. @defaultValue `'not_valid'` */
	readonly code?: ValidationCode;
	readonly params?: Readonly<Record<string, unknown>>;
}

/**
 * The schema of a type's settings: strict, with rules that are looked at even where a field is wrong, so that
 * everything is reported at once.
 */
export function settingsSchema<Shape extends z.ZodRawShape>(
	shape: Shape,
	rules: readonly Rule[] = [],
): z.ZodObject<Shape, z.core.$strict> {
	return rules.flatMap(conditionsOf).reduce(
		(schema, { field, holds, message, code = 'not_valid', params = {} }) =>
			schema.refine((value) => holds(value), {
				path: [field],
				// Without it, nothing of this is said until every field is right.
				when: ({ value }) => typeof value === 'object' && value !== null,
				error: message,
				params: { ...params, code },
			}),
		z.strictObject(shape),
	);
}

function conditionsOf(rule: Rule): readonly Condition[] {
	switch (rule.kind) {
		case 'required-when': {
			const { field, on } = rule;
			return [
				{
					field,
					holds: (settings) => settings[on] === false || settings[field] !== undefined,
					message: `is required while ${on} is on`,
					code: 'required',
					params: { when: on },
				},
			];
		}
		case 'all-or-none': {
			const { fields, title } = rule;
			return fields.map((field) => ({
				field,
				holds: (settings) =>
					settings[field] !== undefined || fields.every((name) => settings[name] === undefined),
				message: `is required with ${title}: give all or none of ${fields.join(', ')}`,
				code: 'required',
				params: { with: fields.filter((name) => name !== field) },
			}));
		}
		case 'condition':
			return [rule];
	}
}
