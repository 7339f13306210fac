import type { z } from 'zod';
import { verified } from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { choice, sides, toggle } from './fields.ts';
import { settingsSchema } from './rules.ts';

const settings = settingsSchema({
	logLevel: choice(['debug', 'info', 'warn', 'error'], 'info', {
		title: 'Log level',
		description: 'The level that events are logged at.',
	}),
	prettyPrint: toggle(false, {
		title: 'Pretty print',
		description: 'Whether events are written over several lines, for people.',
	}),
	...sides,
});

/**
 * Settings of a console destination, which writes events to the log: `logLevel` (`debug`, `info`, `warn` or `error`;
 * default `info`) and `prettyPrint` (default off).
 */
export type ConsoleSettings = z.output<typeof settings>;

/** Named for the file; `console` itself is Node's. */
export const consoleDestination = defineDestination({
	title: 'Console',
	settings,
	rules: [],
	visibility: { logLevel: 'browser', prettyPrint: 'browser', ...sidesVisibility },
	requiredConsent: [],
	connectionTest: {
		hosts: [],
		run: async () => verified('The console needs no connection.'),
	},
});
