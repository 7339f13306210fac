import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** In a process of its own: the environment changes modules of Node.js for all of its process. */
const script = `
	const { AsyncLocalStorage } = require('node:async_hooks');
	const Environment = require('./test/support/environment.cjs');
	const { AsyncLocalStorage: OfATest } = require('node:async_hooks');
	const config = { projectConfig: { globals: {}, testEnvironmentOptions: {} }, globalConfig: {} };
	const environment = new Environment(config, { docblockPragmas: {}, testPath: '' });
	const [before, during] = [new AsyncLocalStorage(), new OfATest()];
	before.enterWith('kept');
	during.enterWith('left');
	const stores = [before.getStore(), during.getStore()];
	void environment.teardown().then(() => {
		console.log(JSON.stringify([...stores, before.getStore(), during.getStore()]));
	});
`;

test('what a test file made of AsyncLocalStorage is off once the file is done', async () => {
	const { stdout } = await promisify(execFile)(process.execPath, ['-e', script]);
	expect(JSON.parse(stdout)).toEqual(['kept', 'left', 'kept', null]);
});
