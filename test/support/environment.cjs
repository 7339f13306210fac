/**
 * Jest's environment for Node, with a global object that is an ordinary one. Jest's own is a proxy, which code that it
 * runs asks for every name such as `Buffer` or `Promise`: a fifth of the time of these tests.
 */
const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

module.exports = class extends TestEnvironment {
	/** @param {ConstructorParameters<typeof TestEnvironment>} args */
	constructor(...args) {
		const { createContext } = vm;
		vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY);
		try {
			super(...args);
		} finally {
			vm.createContext = createContext;
		}
	}
};
