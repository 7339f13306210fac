/**
 * The closed sets of words that a destination row may hold. The database holds the same words in CHECK
 * constraints. Const objects and not enums, so that plain strings of a request body fit the types.
 */

/** The deployment stage that a destination belongs to. The default of the database is `production`. */
export const Environment = {
	development: 'development',
	staging: 'staging',
	production: 'production',
} as const;
export type Environment = (typeof Environment)[keyof typeof Environment];

/**
 * What is known about the connection: `testing` while a test runs, `unknown` before the first test and after a change of
 * the settings, otherwise the result of the last test.
 */
export const ConnectionStatus = {
	connected: 'connected',
	failed: 'failed',
	unknown: 'unknown',
	testing: 'testing',
} as const;
export type ConnectionStatus = (typeof ConnectionStatus)[keyof typeof ConnectionStatus];

/** A purpose that a visitor can consent to, by the names that c15t uses. */
export const ConsentPurpose = {
	necessary: 'necessary',
	measurement: 'measurement',
	marketing: 'marketing',
	functionality: 'functionality',
	experience: 'experience',
} as const;
export type ConsentPurpose = (typeof ConsentPurpose)[keyof typeof ConsentPurpose];
