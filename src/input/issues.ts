import type { z } from 'zod';
import type { RaisedIssue, ValidationCode } from '../errors.ts';
import { isRequired } from './checks.ts';

/** A value that passed, or what is wrong with it. */
export interface Checked<V> {
	readonly value?: V;
	readonly issues: readonly RaisedIssue[];
}

/** Makes the issue of a key that a schema does not know. */
export type UnknownField = (
	key: string,
	path: readonly string[],
	allowed: readonly string[],
) => RaisedIssue;

/**
 * Runs a schema over fields that were copied by `plainFields`, and puts what it finds into this package's
 * issues, with `path` in front. Never throws.
 */
export function check<S extends z.ZodObject>(
	schema: S,
	fields: Record<string, unknown>,
	path: readonly string[],
	unknown: UnknownField = unknownField,
): Checked<z.output<S>> {
	try {
		const result = schema.safeParse(fields);
		return result.success
			? { value: result.data, issues: [] }
			: { issues: issuesOf(result.error, path, Object.keys(schema.shape), unknown) };
	} catch {
		// Only a value that throws when it is looked at, such as a Proxy, gets here. Its error may hold anything.
		return { issues: [{ path, message: 'could not be read; give plain values' }] };
	}
}

function issuesOf(
	error: z.ZodError,
	path: readonly string[],
	allowed: readonly string[],
	unknown: UnknownField,
): RaisedIssue[] {
	return error.issues.flatMap((issue): RaisedIssue[] =>
		issue.code === 'unrecognized_keys'
			? issue.keys.map((key) => unknown(key, path, allowed))
			: [
					{
						path: [...path, ...issue.path.map(pathPart)],
						message: issue.message,
						...kindOf(issue),
					},
				],
	);
}

/** The code of an issue of zod's, with what belongs to it. */
export function kindOf(issue: z.core.$ZodIssue): Pick<RaisedIssue, 'code' | 'params'> {
	if (issue.message === isRequired) return { code: 'required' };
	switch (issue.code) {
		case 'invalid_type':
			return { code: 'wrong_type', params: { expected: issue.expected } };
		case 'invalid_format':
			return { code: 'wrong_format' };
		case 'invalid_value':
			return { code: 'not_in_list', params: { allowed: issue.values } };
		case 'too_big':
			return issue.origin === 'string'
				? { code: 'too_long', params: { maximum: Number(issue.maximum) } }
				: { code: 'out_of_range', params: { maximum: Number(issue.maximum) } };
		case 'too_small':
			return { code: 'out_of_range', params: { minimum: Number(issue.minimum) } };
		case 'custom': {
			const { code, ...params } = issue.params ?? {};
			if (code === undefined) return {};
			const more = Object.keys(params).length > 0 ? { params } : {};
			return { code: code as ValidationCode, ...more }; // only this package's schemas give one
		}
		default:
			return {};
	}
}

function pathPart(part: PropertyKey): string | number {
	return typeof part === 'number' ? part : String(part);
}

/**
 * Names the key, because a typing error should be found, but only if it reads like a name: someone may have
 * pasted a secret in its place. Letters, with at most two digits at the end, and no key's prefix.
 */
const unknownKey =
	(kind: 'field' | 'option'): UnknownField =>
	(key, path, allowed) => {
		const readsLikeName = key.length <= 40 && /^(?!ph[a-z]_)[A-Za-z_-]+\d{0,2}$/.test(key);
		const name = readsLikeName ? `unknown ${kind} "${key}"` : `unknown ${kind} (name not repeated)`;
		const message = `${name}; allowed are ${allowed.join(', ')}`;
		return { path, code: 'unknown_field', message, params: { allowed } };
	};

/** For what is written. */
export const unknownField = unknownKey('field');

/** For options. */
export const unknownOption = unknownKey('option');
