import type { OperationKind } from '../../telemetry/operation.ts';
import { destinationMethods } from '../extension/destination-methods.ts';
import { isOperation } from '../extension/operations.ts';
import { ModelOperation } from './operation.ts';
import { modelKind } from './operation-kinds.ts';
import { type Method, type Methods, view } from './view.ts';

/** What a delegate has besides methods. `$parent`, the client without a scope, is not among them. */
const delegateData: ReadonlySet<PropertyKey> = new Set(['fields', 'name', '$name']);

/** Runs raw SQL, as an operation of a kind. */
export type RawSql = (
	method: PropertyKey,
	args: readonly unknown[],
	kind?: OperationKind,
) => unknown;

/**
 * The methods of one model, as the extension would have them.
 *
 * @param start returns what the caller awaits.
 */
export function scopeDelegate(
	client: Methods,
	delegate: PropertyKey,
	start: (operation: ModelOperation, kind: OperationKind) => unknown,
	raw: RawSql,
): Methods {
	const own: Methods = delegate === 'destination' ? { ...destinationMethods } : {};
	/** What one of the extension's methods calls: the delegate itself, and the client that runs its SQL. */
	const selfOf = (kind: OperationKind): Methods =>
		view((property) =>
			property === '$parent'
				? { $executeRaw: (...args: unknown[]) => raw('$executeRaw', args, kind) }
				: member(property, kind),
		);
	const member = (property: PropertyKey, kind = modelKind(delegate, property)): unknown => {
		const method = own[property];
		if (typeof method === 'function')
			return (...args: unknown[]) => (method as Method).apply(selfOf(kind), args);
		if (typeof property === 'string' && isOperation(property)) {
			return (args: unknown) => start(new ModelOperation(delegate, property, args), kind);
		}
		if (!delegateData.has(property)) return undefined;
		// A Prisma client has an object of methods for each of its models.
		return (client[delegate] as Methods)[property];
	};
	return view((property) => member(property));
}
