import { z } from 'zod';
import { ConfigurationError, ValidationError } from '../errors.ts';
import { check, kindOf, unknownOption } from './issues.ts';
import { plainFields } from './plain-fields.ts';

/**
 * A schema for each option of a type. `optionsOf({…} satisfies OptionSchemas<Options>)` has the compiler ask for
 * all of them, and for no others.
 */
export type OptionSchemas<Options> = {
	readonly [Name in keyof Options]-?: z.ZodType<unknown, Options[Name]>;
};

/** A schema that knows each option by name, and so refuses what is misspelled. */
export const optionsOf = z.strictObject;

/**
 * A checked copy of the options of a call; none if there are none. Only own values of a plain object count, as
 * for inputs: options that were inherited, or that a getter returns, would look different to a second reader.
 *
 * @throws ValidationError that names every option that is unknown or not valid.
 */
export function checkOptions<S extends z.ZodObject>(
	schema: S,
	given: unknown = {},
	path: readonly string[] = [],
): z.output<S> {
	const plain = plainFields(given);
	if ('problem' in plain) {
		const message = path.length === 0 ? `the options ${plain.problem}` : plain.problem;
		throw new ValidationError([{ path, message }]);
	}
	const { issues, value } = check(schema, plain.fields, path, unknownOption);
	if (value === undefined) throw new ValidationError(issues);
	return value;
}

/**
 * A checked argument that stands alone.
 *
 * @throws ValidationError under its name.
 */
export function checkArgument<S extends z.ZodType>(
	name: string,
	schema: S,
	given: unknown,
): z.output<S> {
	const result = schema.safeParse(given);
	if (result.success) return result.data;
	throw new ValidationError(
		result.error.issues.map((issue) => ({
			path: [name],
			message: issue.message,
			...kindOf(issue),
		})),
	);
}

/**
 * {@link checkOptions} for what sets this package up.
 *
 * @param of what the options are of, for the error.
 * @throws ConfigurationError
 */
export function checkConfiguration<S extends z.ZodObject>(
	of: string,
	schema: S,
	given: unknown,
): z.output<S> {
	try {
		return checkOptions(schema, given);
	} catch (error) {
		if (!(error instanceof ValidationError)) throw error;
		throw new ConfigurationError(`${of}: ${error.message}`);
	}
}
