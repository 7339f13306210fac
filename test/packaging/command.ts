import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';

export interface Ended {
	readonly status: number | null;
	readonly stdout: string;
	readonly stderr: string;
	/** Both, as a terminal would show them but for the order. */
	readonly output: string;
}

export interface Surroundings {
	readonly cwd: string;
	readonly environment?: Record<string, string>;
	readonly input?: string;
}

/** Runs a command as somebody would at a terminal, not as a child of Jest and `npm test`. */
export async function run(
	command: readonly [string, ...string[]],
	{ cwd, environment, input = '' }: Surroundings,
): Promise<Ended> {
	const [file, ...args] = command;
	const child = spawn(file, args, { cwd, env: { ...plainEnvironment(), ...environment } });
	// A command that does not read its input may be gone before it is written.
	child.stdin.on('error', () => {});
	child.stdin.end(input);
	const closed = new Promise<number | null>((resolve, reject) => {
		child.on('error', reject).on('close', resolve);
	});
	const [status, stdout, stderr] = await Promise.all([
		closed,
		text(child.stdout),
		text(child.stderr),
	]);
	return { status, stdout, stderr, output: stdout + stderr };
}

/** The same, of which only what it prints is of interest. */
export async function succeed(
	command: readonly [string, ...string[]],
	surroundings: Surroundings,
): Promise<string> {
	const { status, stdout, output } = await run(command, surroundings);
	if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}:\n${output}`);
	return stdout;
}

/** Settings of npm's that lead it to its registry; others, such as `npm publish --dry-run`, are of the outer call. */
const ofTheUser = /^npm_config_(registry|cache|userconfig|globalconfig|cafile|proxy|https_proxy)$/i;

const ofTheTests =
	/^(npm_|JEST_|TEST_|DATABASE_URL|DESTINATIONS_|PRISMA_|NODE_ENV|NODE_OPTIONS|INIT_CWD)/i;

function plainEnvironment(): Record<string, string | undefined> {
	const kept = Object.entries(process.env).filter(
		([name]) => ofTheUser.test(name) || !ofTheTests.test(name),
	);
	// Prisma's command would look on the network whether there is a newer one.
	return { ...Object.fromEntries(kept), CHECKPOINT_DISABLE: '1', NO_COLOR: '1' };
}
