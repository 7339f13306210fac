import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

// Its configuration is that of Jest, but for what Stryker needs to be different.
test('the command tries the mutants of a line, and says what became of them', async () => {
	const place = 'src/encryption/canonical-json.ts:16-20';
	const { stdout } = await run('npm', ['run', '-s', 'test:mutation', '--', 'json', place]);
	expect(stdout).toMatch(/json: [1-9]\d* mutants in \d+ s, .* 0 survived/);
});
