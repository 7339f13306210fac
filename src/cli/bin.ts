#!/usr/bin/env node
import { constants, setPriority } from 'node:os';
import { main } from './main.ts';

try {
	// Services on the same machine come first.
	setPriority(constants.priority.PRIORITY_LOW);
} catch {
	// Where the system does not allow it, the command runs like any other.
}

const stop = new AbortController();

process.once('SIGINT', () => {
	process.stderr.write(
		'\nStopping after the batch under way. Press Ctrl-C again to end at once.\n',
	);
	stop.abort();
	// Every page is a transaction of its own, so ending at once loses that page's work and no more.
	process.once('SIGINT', () => process.exit(130));
});
process.once('SIGTERM', () => stop.abort());

// Whoever reads the output may have enough of it, as `head` has.
process.stdout.on('error', () => process.exit());

const surroundings = {
	stdout: process.stdout,
	stderr: process.stderr,
	environment: process.env,
	signal: stop.signal,
};
// No top-level await: it is built as CommonJS.
main(process.argv.slice(2), surroundings).then((status) => {
	process.exitCode = status;
});
