import { main } from '../../src/cli/main.ts';
import { mannersOf } from './manners.ts';

/** What a command printed, and how it ended. */
export interface Ended {
	readonly status: number;
	readonly stdout: string;
	readonly stderr: string;
}

export interface Surroundings {
	readonly environment?: Record<string, string>;
	readonly isTTY?: boolean;
	/** The folder of the service. */
	readonly folder?: string;
	readonly signal?: AbortSignal;
	/** Called with everything that is printed to stderr. */
	readonly onStderr?: (text: string) => void;
}

/** Runs a command line in this process, on a terminal of the test's making. */
export async function run(
	args: readonly string[],
	{ environment = {}, isTTY = false, folder, signal, onStderr }: Surroundings = {},
): Promise<Ended> {
	const printed = { stdout: '', stderr: '' };
	const output = (name: 'stdout' | 'stderr') => ({
		isTTY,
		columns: 100,
		write(text: string) {
			printed[name] += text;
			if (name === 'stderr') onStderr?.(text);
		},
	});
	const status = await main(args, {
		stdout: output('stdout'),
		stderr: output('stderr'),
		environment,
		folder,
		signal: signal ?? new AbortController().signal,
	});
	const ended = { status, ...printed };
	// Whatever a test runs, and for whatever reason.
	expect(mannersOf(args, ended)).toEqual([]);
	return ended;
}
