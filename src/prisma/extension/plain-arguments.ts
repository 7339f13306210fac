import { copyArguments } from './copy-arguments.ts';
import { modelsByDelegate, relationNames } from './models.ts';
import { isOperation } from './operations.ts';

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
			return (args: unknown) => checkedPromise(member.call(receiver, copyArguments(args)));
		},
	});
}

/** A promise whose fluent methods look at arguments as well. */
function checkedPromise(promise: object): object {
	return new Proxy(promise, {
		get(target, property) {
			const member: unknown = Reflect.get(target, property);
			if (typeof member !== 'function' || !fluentMethods.has(property)) return member;
			return (args: unknown) => checkedPromise(member.call(target, copyArguments(args)));
		},
	});
}

const fluentMethods: ReadonlySet<PropertyKey> = new Set(relationNames);
