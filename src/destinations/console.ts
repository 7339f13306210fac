import { z } from 'zod';
import { verified } from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { choice, sides, toggle } from './fields.ts';

const settings = z.strictObject({
	logLevel: choice(['debug', 'info', 'warn', 'error']).default('info'),
	prettyPrint: toggle(false),
	...sides,
});

/**
 * Settings of a console destination, which writes events to the log: `logLevel` (`debug`, `info`, `warn` or
 * `error`; default `info`) and `prettyPrint` (off unless turned on).
 */
export type ConsoleSettings = z.output<typeof settings>;

/** Named for the file; `console` itself is Node's. */
export const consoleDestination = defineDestination({
	settings,
	visibility: { logLevel: 'browser', prettyPrint: 'browser', ...sidesVisibility },
	connectionTest: {
		hosts: [],
		run: async () => verified('The console needs no connection.'),
	},
});
