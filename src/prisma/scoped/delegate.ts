import { destinationMethods } from '../extension/destination-methods.ts';
import { isOperation } from '../extension/operations.ts';
import { ModelOperation } from './operation.ts';
import { type Method, type Methods, view } from './view.ts';

/** What a delegate has besides methods. `$parent`, the client without a scope, is not among them. */
const delegateData: ReadonlySet<PropertyKey> = new Set(['fields', 'name', '$name']);

/**
 * The methods of one model, as the extension would have them.
 *
 * @param start returns what the caller awaits.
 */
export function scopeDelegate(
	client: Methods,
	delegate: PropertyKey,
	start: (operation: ModelOperation) => unknown,
	raw: (method: PropertyKey, args: readonly unknown[]) => unknown,
): Methods {
	const own: Methods = delegate === 'destination' ? { ...destinationMethods } : {};
	/** What the extension's methods call: the delegate itself, and the client that runs their SQL. */
	const self = view<Methods>((property) =>
		property === '$parent'
			? { $executeRaw: (...args: unknown[]) => raw('$executeRaw', args) }
			: member(property),
	);
	const member = (property: PropertyKey): unknown => {
		const method = own[property];
		if (typeof method === 'function')
			return (...args: unknown[]) => (method as Method).apply(self, args);
		if (typeof property === 'string' && isOperation(property)) {
			return (args: unknown) => start(new ModelOperation(delegate, property, args));
		}
		if (!delegateData.has(property)) return undefined;
		// A Prisma client has an object of methods for each of its models.
		return (client[delegate] as Methods)[property];
	};
	return view(member);
}
