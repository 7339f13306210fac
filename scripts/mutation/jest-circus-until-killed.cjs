/**
 * Jest's test runner, which ends at the first failure: a mutant needs no second one. Stryker runs every test of a room
 * for most mutants, because Jest cannot bail out inside a file (https://github.com/jestjs/jest/issues/11766).
 *
 * @typedef {{ numFailingTests: number }} Results
 * @typedef {{ mode?: string, errors: unknown[] }} CircusTest
 * @typedef {{ name: string, test: CircusTest, describeBlock: { mode?: string } }} CircusEvent
 * @typedef {{ handleTestEvent?: (event: CircusEvent, state: unknown) => unknown }} Environment
 */

// Its path, because it has no types.
/** @type {{ default: (...args: unknown[]) => Promise<Results> }} */
const { default: runTests } = require(require.resolve('jest-circus/runner'));

/**
 * The mutant that was killed last, and the results of the file that did it.
 *
 * @type {{ mutant?: string, results?: Results }}
 */
let killed = {};

/**
 * @param {unknown} globalConfig
 * @param {unknown} config
 * @param {Environment} environment
 * @param {unknown[]} rest
 */
module.exports = async (globalConfig, config, environment, ...rest) => {
	// Stryker names it to its workers, but while it looks what the tests cover.
	const mutant = process.env.__STRYKER_ACTIVE_MUTANT__;
	if (mutant === undefined) return runTests(globalConfig, config, environment, ...rest);
	if (killed.mutant === mutant) return killed.results;
	endAtFirstFailure(environment);
	const results = await runTests(globalConfig, config, environment, ...rest);
	if (results.numFailingTests > 0) killed = { mutant, results };
	return results;
};

/** @param {Environment} environment */
function endAtFirstFailure(environment) {
	const handle = environment.handleTestEvent?.bind(environment);
	let failed = false;
	environment.handleTestEvent = async (event, state) => {
		await handle?.(event, state);
		if (event.name === 'test_done' && event.test.errors.length > 0) failed = true;
		if (!failed) return;
		if (event.name === 'test_start') event.test.mode = 'skip';
		if (event.name === 'run_describe_start') event.describeBlock.mode = 'skip';
	};
}
