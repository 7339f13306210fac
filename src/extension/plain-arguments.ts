import type { ValidationIssue } from '../errors.ts';
import { isPlainObject } from '../plain-object.ts';
import { modelsByDelegate } from './models.ts';
import { isOperation } from './operations.ts';

/** The argument by which a refusal reaches the operation; Prisma never sees it. */
export const refusalArgument = '$refusal';

/** Far more than arguments ever have, far less than the stack. */
const maxDepth = 200;

/** A client, or its methods for a model. */
type Members = Record<PropertyKey, unknown>;

/**
 * A view of a Prisma client that looks at arguments before Prisma copies them, which it does before any
 * extension sees them: on what contains itself it overflows the stack, and a `Map` or a promise in
 * settings becomes `{}`.
 *
 * What is refused is still handed to Prisma, as an argument by which the operation fails, so that the
 * refusal comes by Prisma's own kind of promise. A model method in its place could not call the one that
 * it replaces with the extensions that were added later.
 */
export function withPlainArguments<C extends object>(client: C): C {
	const delegates = new Map<PropertyKey, object>();
	return new Proxy(client, {
		get(target, property, receiver) {
			const member: unknown = Reflect.get(target, property);
			if (modelsByDelegate.has(property)) {
				const delegate = delegates.get(property) ?? checkedDelegate(member as Members);
				delegates.set(property, delegate);
				return delegate;
			}
			if (typeof member !== 'function') return member;
			if (property === '$extends') {
				return (extension: unknown) => {
					const extended: object = member.call(receiver, extension);
					// A function was given this view, and extends it by what is here.
					return typeof extension === 'function' ? extended : withPlainArguments(extended);
				};
			}
			if (property === '$transaction') {
				return (work: unknown, ...options: unknown[]) => {
					const checked = (transaction: object) =>
						(work as (transaction: object) => unknown)(withPlainArguments(transaction));
					return member.call(target, typeof work === 'function' ? checked : work, ...options);
				};
			}
			return member;
		},
	});
}

function checkedDelegate(delegate: Members): object {
	return new Proxy(delegate, {
		get(target, property, receiver) {
			const member = target[property];
			if (typeof member !== 'function' || !isOperation(property)) return member;
			return (args: unknown) => {
				const issue = refusalOf(args);
				return member.call(receiver, issue === undefined ? args : { [refusalArgument]: [issue] });
			};
		},
	});
}

/** What keeps arguments from being copied, where something does. */
export function refusalOf(args: unknown): ValidationIssue | undefined {
	const parents: object[] = [];
	const path: string[] = [];
	/** What is wrong with a value, in which case `path` says where it is. */
	const problemOf = (value: unknown): string | undefined => {
		// Prisma would send what `toJSON` gives in the place of what the extension has looked at.
		if (typeof value === 'function') return 'must be a plain value, not a function';
		if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return undefined;
		if (parents.includes(value)) return 'must not contain itself';
		if (parents.length === maxDepth) return `must not be nested more than ${maxDepth} levels deep`;
		if (path.includes('settings') && !Array.isArray(value) && !isPlainObject(value)) {
			return 'must be plain JSON, not an instance of a class';
		}
		parents.push(value);
		// Inherited members too, because Prisma copies them.
		for (const name in value) {
			path.push(name);
			const problem = problemOf((value as Members)[name]);
			if (problem !== undefined) return problem;
			path.pop();
		}
		parents.pop();
		return undefined;
	};
	try {
		const message = problemOf(args);
		return message === undefined ? undefined : { path: shortened(path), message };
	} catch {
		// A getter threw. Its error may hold anything.
		return { path: shortened(path), message: 'could not be read; give plain values' };
	}
}

/** Settings as every other refusal names them, and nothing inside: a secret may stand in the place of a name. */
function shortened(path: readonly string[]): string[] {
	const settings = path.indexOf('settings');
	return settings === -1 ? path.slice(0, 5) : ['settings'];
}
