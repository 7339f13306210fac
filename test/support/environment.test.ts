import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** In a process of its own, because the environment changes modules of Node.js for all of its process. */
async function inProcess(script: string): Promise<unknown> {
	const { stdout } = await promisify(execFile)(process.execPath, [
		'--expose-gc',
		'-e',
		`const Environment = require('./test/support/environment.cjs');
		const config = { projectConfig: { globals: {}, testEnvironmentOptions: {} }, globalConfig: {} };
		const newEnvironment = () => new Environment(config, { docblockPragmas: {}, testPath: '' });
		void (async () => {
			${script}
		})();`,
	]);
	return JSON.parse(stdout);
}

test('what a test file made of AsyncLocalStorage is off once the file is done', async () => {
	const stores = await inProcess(`
		const { AsyncLocalStorage } = require('node:async_hooks');
		const environment = newEnvironment();
		const storage = new AsyncLocalStorage();
		storage.enterWith('left');
		const before = storage.getStore();
		await environment.teardown();
		console.log(JSON.stringify([before, storage.getStore()]));`);
	expect(stores).toEqual(['left', null]);
});

test('what a test file had in memory is free once the file is done', async () => {
	const isFree = await inProcess(`
		const { compileFunction } = require('node:vm');
		async function runOne() {
			const environment = newEnvironment();
			const parsingContext = environment.getVmContext();
			compileFunction('return this', [], { filename: 'one.js', parsingContext })();
			await environment.teardown();
			return new WeakRef(environment.global);
		}
		const globals = [await runOne(), await runOne(), await runOne()];
		// What was looked at is kept until the end of a turn.
		await new Promise(setImmediate);
		gc();
		console.log(JSON.stringify(globals.map((global) => global.deref() === undefined)));`);
	expect(isFree).toEqual([true, true, true]);
});
