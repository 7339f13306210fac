import type { z } from 'zod';
import type { ValidationIssue } from '../errors.ts';

/** A value that passed, or what is wrong with it. */
export interface Checked<V> {
	readonly value?: V;
	readonly issues: readonly ValidationIssue[];
}

/** Makes the issue of a key that a schema does not know. */
export type UnknownField = (
	key: string,
	path: readonly string[],
	allowed: readonly string[],
) => ValidationIssue;

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
): ValidationIssue[] {
	return error.issues.flatMap((issue): ValidationIssue[] =>
		issue.code === 'unrecognized_keys'
			? issue.keys.map((key) => unknown(key, path, allowed))
			: [{ path: [...path, ...issue.path.map(pathPart)], message: issue.message }],
	);
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
		return { path, message: `${name}; allowed are ${allowed.join(', ')}` };
	};

/** For what is written. */
export const unknownField = unknownKey('field');

/** For options. */
export const unknownOption = unknownKey('option');
