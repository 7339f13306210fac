/**
 * Runs everything of `npm run check`, as much at once as there are processors: most of it is one program each that
 * computes. What one of them prints comes whole, once it ends.
 */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { text } from 'node:stream/consumers';

/** Scripts of package.json, those that take longest first. */
const scripts = ['check:package', 'types', 'docs:check', 'unused', 'lint', 'lint:migrations'];

async function run(script: string): Promise<void> {
	const started = performance.now();
	// `npm` of Windows is a file for its shell.
	const child = spawn('npm', ['run', '--silent', script], { shell: process.platform === 'win32' });
	const ended = new Promise<number | null>((resolve, reject) => {
		child.on('error', reject).on('close', resolve);
	});
	const [status, stdout, stderr] = await Promise.all([
		ended,
		text(child.stdout),
		text(child.stderr),
	]);
	const seconds = ((performance.now() - started) / 1000).toFixed(0);
	process.stdout.write(
		`\nnpm run ${script}: ${status === 0 ? 'passed' : 'FAILED'}, ${seconds} s\n`,
	);
	process.stdout.write(stdout);
	process.stderr.write(stderr);
	if (status !== 0) process.exitCode = 1;
}

const waiting = [...scripts];
async function runNext(): Promise<void> {
	for (let script = waiting.shift(); script !== undefined; script = waiting.shift()) {
		await run(script);
	}
}
await Promise.all(Array.from({ length: availableParallelism() }, runNext));
