import { SeenCall } from './answered.ts';
import { copyArguments } from './copy-arguments.ts';
import type { DataModel, FieldNames, Model } from './models.ts';
import { isOperation } from './operations.ts';
import { withOwnMembers } from './own-members.ts';
import { leadToGuarded, reachesGuarded } from './reaching.ts';

/** A client, or its methods for a model. */
type Members = Record<PropertyKey, unknown>;

/**
 * A view of a Prisma client that looks at arguments before Prisma copies them, which it does before any
 * extension sees them: on what contains itself it overflows the stack, and a `Map` or a promise in
 * settings becomes `{}`. Of operations that lead to destinations it hands on what the extension has seen alone.
 *
 * What is refused is still handed to Prisma, as an argument by which the operation fails, so that the
 * refusal comes by Prisma's own kind of promise. A model method in its place could not call the one that
 * it replaces with the extensions that were added later.
 */
export function withPlainArguments<C extends object>(client: C, models: DataModel): C {
	const delegates = new Map<Model, object>();
	return withOwnMembers(client, (property, receiver) => {
		const member: unknown = Reflect.get(client, property);
		const model = models.ofProperty(property);
		if (model?.reaches) {
			const delegate =
				delegates.get(model) ?? checkedDelegate(member as Members, model, models.names);
			delegates.set(model, delegate);
			return delegate;
		}
		if (typeof member !== 'function') return member;
		if (property === '$extends') {
			return (extension: unknown) => {
				const extended: object = member.call(receiver, extension);
				// A function was given this view, and extends it by what is here.
				return typeof extension === 'function' ? extended : withPlainArguments(extended, models);
			};
		}
		if (property === '$transaction') {
			return (work: unknown, ...options: unknown[]) => {
				const checked = (transaction: object) =>
					(work as (transaction: object) => unknown)(withPlainArguments(transaction, models));
				return member.call(client, typeof work === 'function' ? checked : work, ...options);
			};
		}
		return member;
	});
}

function checkedDelegate(delegate: Members, model: Model, names: FieldNames): object {
	return withOwnMembers(delegate, (property, receiver) => {
		const member = delegate[property];
		if (typeof member !== 'function' || !isOperation(property)) return member;
		return (args: unknown) => {
			const leads = reachesGuarded(model, args, names);
			const given = leads ? copyArguments(args, names) : args;
			const promise: object = member.call(receiver, ...(given === undefined ? [] : [given]));
			// Such as that of `delete`, which calls `update` of this view.
			if (checkedPromises.has(promise)) return promise;
			return checkedPromise(promise, { model, names, leads });
		};
	});
}

/** What a promise is of. */
interface Called {
	readonly model: Model;
	readonly names: FieldNames;
	/** Whether it leads to guarded rows. */
	readonly leads: boolean;
}

const checkedPromises = new WeakSet<object>();

/** A promise whose fluent methods look at arguments as well, and which hands on what the extension has seen alone. */
function checkedPromise(promise: object, called: Called): object {
	const { model, names } = called;
	const call = called.leads ? new SeenCall(model) : undefined;
	const checked = new Proxy(promise, {
		get(target, property) {
			const member: unknown = Reflect.get(target, property);
			if (typeof member !== 'function') return member;
			if (names.relations.has(property)) {
				return (args: unknown) => {
					const leads = called.leads || names.guarded.has(property) || leadToGuarded(args, names);
					const given = leads ? copyArguments(args, names) : args;
					return checkedPromise(member.call(target, given), { ...called, leads });
				};
			}
			if (call === undefined) return member;
			if (property === 'requestTransaction') {
				return (...given: unknown[]) => call.run(() => member.call(target, ...given));
			}
			if (property !== 'then' && property !== 'catch' && property !== 'finally') return member;
			return (...handlers: unknown[]) => {
				// A Prisma promise.
				const sent = call.run(() => (target as PromiseLike<unknown>).then((result) => result));
				return Reflect.apply(sent[property], sent, handlers);
			};
		},
	});
	checkedPromises.add(checked);
	return checked;
}
