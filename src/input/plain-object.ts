/** Whether a value is an object as a literal or JSON makes it: no array, no instance of a class, nothing inherited. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
	if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
	const prototype: object | null = Object.getPrototypeOf(value);
	if (prototype === null || prototype === Object.prototype) return true;
	// Another realm (a worker's vm, Jest) has an `Object.prototype` of its own. An object without a prototype
	// may be one as well, and what stands in it would be inherited.
	return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}
