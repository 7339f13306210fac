import { call, type Methods, view } from './view.ts';

/**
 * What Prisma's methods return: it begins when it is first awaited, and runs once.
 *
 * @param member returns everything that is not a promise's, such as Prisma's fluent methods.
 */
export function lazyPromise(
	start: () => Promise<unknown>,
	member: (property: PropertyKey) => unknown,
): object {
	let running: Promise<unknown> | undefined;
	return view((property) => {
		switch (property) {
			case 'then':
			case 'catch':
			case 'finally':
				return (...handlers: unknown[]) => {
					running ??= start();
					// A promise has methods, though its type says nothing of others by name.
					return call(running as unknown as Methods, property, handlers);
				};
			case Symbol.toStringTag:
				return 'PrismaPromise';
			default:
				return member(property);
		}
	});
}
