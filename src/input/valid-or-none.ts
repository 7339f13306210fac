import { ValidationError } from '../errors.ts';

/** What is made of an input; undefined where the input is not valid, for callers that ask another way then. */
export function validOrNone<T>(make: () => T): T | undefined {
	try {
		return make();
	} catch (error) {
		if (error instanceof ValidationError) return undefined;
		throw error;
	}
}
