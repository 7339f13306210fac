/**
 * Jest's environment for Node, where test files that follow each other in a process take less of its time: together,
 * a quarter of it.
 */
const asyncHooks = require('node:async_hooks');
const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

/**
 * The source of each module that was compiled, with what V8 can compile it from for the global object of the next
 * test file, in an eighth of the time.
 *
 * @type {Map<string | undefined, { source: string, cachedData: Buffer | undefined }>}
 */
const compiled = new Map();
const { compileFunction, createContext } = vm;

/** @type {typeof vm.compileFunction} */
vm.compileFunction = (source, parameters, options = {}) => {
	const known = compiled.get(options.filename);
	// V8 itself compares no more than the length.
	if (known?.source === source) {
		return compileFunction(source, parameters, { ...options, cachedData: known.cachedData });
	}
	const result = compileFunction(source, parameters, { ...options, produceCachedData: true });
	// A copy: the buffer belongs to the global object of this test file, and would keep all of it in memory.
	const cachedData = result.cachedData && Buffer.from(result.cachedData);
	compiled.set(options.filename, { source, cachedData });
	return result;
};

/**
 * What the modules of the test file that runs have made of AsyncLocalStorage. Node.js notes on each promise what is in
 * every one that was ever used, so that each test file made the promises of all that follow it slower.
 *
 * @type {Set<asyncHooks.AsyncLocalStorage<unknown>>}
 */
const storages = new Set();

/** @extends {asyncHooks.AsyncLocalStorage<unknown>} */
class AsyncLocalStorage extends asyncHooks.AsyncLocalStorage {
	constructor() {
		super();
		storages.add(this);
	}
}
// An assignment would not do: newer versions of Node.js have a getter there.
Object.defineProperty(asyncHooks, 'AsyncLocalStorage', { value: AsyncLocalStorage });

module.exports = class extends TestEnvironment {
	/** @param {ConstructorParameters<typeof TestEnvironment>} args */
	constructor(...args) {
		// An ordinary global object. Jest's own is a proxy, which code asks for every name such as `Buffer` or `Promise`.
		vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY);
		try {
			super(...args);
		} finally {
			vm.createContext = createContext;
		}
	}

	/** @override */
	async teardown() {
		for (const storage of storages) storage.disable();
		storages.clear();
		await super.teardown();
	}
};
