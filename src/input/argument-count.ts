import { ValidationError } from '../errors.ts';

type Method = (...args: never[]) => unknown;

/** Of each method how many arguments it takes, optional ones too. The compiler knows the number and asks for it. */
type ArgumentCounts<C> = {
	readonly [Name in keyof C as C[Name] extends Method ? Name : never]: C[Name] extends Method
		? ArgumentCount<C[Name]>
		: never;
};

type ArgumentCount<M extends Method> = Required<Parameters<M>>['length'];

/**
 * Has all public methods of a class refuse arguments that they do not take. JavaScript ignores those, so that
 * `purge(id, { expectedVersion: 3 })` would purge whatever the version is.
 *
 * @param promising the methods that return a promise without being `async`: they fail by rejecting as well.
 */
export function limitArguments<C extends object>(
	prototype: C,
	counts: ArgumentCounts<C>,
	promising: readonly (keyof ArgumentCounts<C>)[] = [],
): void {
	for (const name of Reflect.ownKeys(counts)) {
		const { value } = inherited(prototype, name);
		const count: number = Reflect.get(counts, name);
		const isPromising = promising.some((promised) => promised === name);
		Object.defineProperty(prototype, name, {
			value: limited(name, count, value, isPromising ? rejecting : failureOf(value)),
			configurable: true,
			writable: true,
		});
	}
}

/** The method of a class or of the one that it extends. */
function inherited(prototype: object, name: PropertyKey): PropertyDescriptor {
	const own = Object.getOwnPropertyDescriptor(prototype, name);
	return own ?? inherited(Object.getPrototypeOf(prototype), name);
}

/** A function that refuses arguments that it does not take; `undefined` stands for one that is left out. */
export function limitedTo<M extends Method>(name: string, count: ArgumentCount<M>, method: M): M {
	return limited(name, count, method, failureOf(method)) as M; // takes and returns what the method does
}

type Failure = (error: ValidationError) => unknown;

function limited(name: PropertyKey, count: number, method: Method, fail: Failure): Method {
	return function (this: unknown, ...args: never[]) {
		if (args.length > count && args.slice(count).some((further) => further !== undefined)) {
			return fail(tooMany(name, count));
		}
		return method.apply(this, args);
	};
}

function tooMany(name: PropertyKey, count: number): ValidationError {
	const taken = count === 1 ? '1 argument' : `${count || 'no'} arguments`;
	const message = `${String(name)}() takes ${taken}; leave out what stands behind`;
	return new ValidationError([{ path: [], message }]);
}

/** How the method itself fails: where it returns a promise or a generator, that fails. */
function failureOf(method: Method): Failure {
	const kind = Object.prototype.toString.call(method);
	if (kind === '[object AsyncFunction]') return rejecting;
	if (kind === '[object AsyncGeneratorFunction]') return failing;
	return throwing;
}

function throwing(error: ValidationError): never {
	throw error;
}

function rejecting(error: ValidationError): Promise<never> {
	return Promise.reject(error);
}

async function* failing(error: ValidationError): AsyncGenerator<never, void, undefined> {
	yield await Promise.reject(error);
}
