import { Examined } from '../doctor/examined.ts';
import { newKey } from '../rotation/sealed-service.ts';
import { run } from './command-line.ts';

let examined: Examined;

beforeAll(async () => {
	examined = await Examined.open();
});
afterAll(() => examined.close());

const surroundings = (changes: Record<string, string> = {}) => ({
	environment: {
		DATABASE_URL: examined.tenantUrl,
		DATABASE_SERVICE_URL: examined.serviceUrl,
		DESTINATIONS_ENCRYPTION_KEYS: examined.keys,
		...changes,
	},
});

/** Passwords and keys of the surroundings. */
const secrets = () => [
	new URL(examined.tenantUrl).password,
	new URL(examined.serviceUrl).password,
	examined.keys.slice('test:'.length),
];

async function broken<Result>(work: () => Promise<Result>): Promise<Result> {
	await examined.run('ALTER TABLE destinations NO FORCE ROW LEVEL SECURITY');
	await examined.run('DROP INDEX idx_destinations_type');
	try {
		return await work();
	} finally {
		await examined.run('ALTER TABLE destinations FORCE ROW LEVEL SECURITY');
		await examined.run(
			'CREATE INDEX idx_destinations_type ON destinations (type, created_at DESC, id DESC) WHERE deleted_at IS NULL',
		);
	}
}

test('--help has every option, the environment and examples', async () => {
	const { status, stdout } = await run(['doctor', '--help']);
	expect(status).toBe(0);
	for (const word of ['--sql', '--json', 'DATABASE_SERVICE_URL', 'Exit status', 'Examples:']) {
		expect(stdout).toContain(word);
	}
});

test('a healthy database: 0, and where it looked', async () => {
	const { status, stdout, stderr } = await run(['doctor'], surroundings());
	expect(status).toBe(0);
	expect(stderr).toBe('');
	const { host, pathname, username } = new URL(examined.tenantUrl);
	expect(stdout).toContain(`Connected to ${host}${pathname} as ${username}`);
	expect(stdout).toMatch(/\nServer\n {2}✓ ok {7}PostgreSQL \d/);
	expect(stdout).toMatch(/\n0 failures, 0 warnings, \d+ notes?\. No problems found\.\n$/);
	for (const secret of secrets()) expect(stdout).not.toContain(secret);
});

test('says of each connection whose it is', async () => {
	const loader = await examined.deployment.newLogin('destinations_loader');
	const { username } = new URL(loader);
	await examined.letIn(username);
	try {
		const { stdout } = await run(
			['doctor'],
			surroundings({ DATABASE_SERVICE_URL: '', DATABASE_LOADER_URL: loader }),
		);
		expect(stdout).toMatch(
			new RegExp(
				`^Connected to \\S+ as \\w+\nConnected to \\S+ as ${username}, the login of loaders\n`,
			),
		);
	} finally {
		await examined.keepOut(username);
	}
});

test('failures: 1, each with a mark, words and its fix below', async () => {
	const { status, stdout } = await broken(() => run(['doctor'], surroundings()));
	expect(status).toBe(1);
	expect(stdout).toMatch(
		/ {2}✗ failure {2}row level security public\.destinations .*\n {13}fix: .*\n {15}ALTER TABLE/,
	);
	expect(stdout).toContain('2 failures, 0 warnings');
	expect(stdout).not.toContain('\u001b');
	for (const secret of secrets()) expect(stdout).not.toContain(secret);
});

test('only warnings: 0', () =>
	examined.withOneLogin(async (url) => {
		const { status, stdout } = await run(
			['doctor'],
			surroundings({ DATABASE_URL: url, DATABASE_SERVICE_URL: '' }),
		);
		// The one login, and the two that it does not know.
		expect(stdout).toMatch(/0 failures, 3 warnings,/);
		expect(status).toBe(0);
	}));

test('--json prints an object a line, the result last', async () => {
	const { status, stdout } = await broken(() => run(['doctor', '--json'], surroundings()));
	expect(status).toBe(1);
	const events = stdout
		.trimEnd()
		.split('\n')
		.map((line) => JSON.parse(line));
	expect(events.at(-1)).toMatchObject({ event: 'result', failures: 2, warnings: 0 });
	expect(events).toContainEqual({
		event: 'finding',
		section: 'schema',
		severity: 'failure',
		message: 'index idx_destinations_type of public.destinations is missing',
		fix: expect.any(String),
		sql: expect.stringMatching(/^CREATE INDEX CONCURRENTLY idx_destinations_type/),
	});
	for (const secret of secrets()) expect(stdout).not.toContain(secret);
});

test('--sql prints a script, of which everything but the fixes is a comment', async () => {
	const { status, stdout } = await broken(() => run(['doctor', '--sql'], surroundings()));
	expect(status).toBe(1);
	const statements = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('--'));
	expect(statements).toEqual([
		expect.stringMatching(/^CREATE INDEX CONCURRENTLY idx_destinations_type .*;$/),
		'ALTER TABLE public.destinations ENABLE ROW LEVEL SECURITY;',
		'ALTER TABLE public.destinations FORCE ROW LEVEL SECURITY;',
	]);
	const healthy = await run(['doctor', '--sql'], surroundings());
	expect(healthy.stdout).not.toMatch(/^(?!--|$)/m);
});

test('--sql takes nothing from a login whose variable is only not set', async () => {
	const loader = await examined.deployment.newLogin('destinations_loader');
	const { username } = new URL(loader);
	await examined.letIn(username);
	try {
		const { stdout } = await run(['doctor', '--sql'], surroundings({ DATABASE_SERVICE_URL: '' }));
		const service = new URL(examined.serviceUrl).username;
		expect(stdout).toContain(`\n-- REVOKE service_role FROM ${service};\n`);
		expect(stdout).toContain(`\n-- REVOKE destinations_loader FROM ${username};\n`);
		expect(stdout).not.toMatch(/^(?!--)REVOKE/m);
		const text = await run(['doctor'], surroundings());
		expect(text.stdout).toMatch(/\n0 failures, 0 warnings, \d+ notes?\. No problems found\.\n$/);
	} finally {
		await examined.keepOut(username);
	}
});

test('a long fix is shown by its beginning, and whole by --sql', async () => {
	await examined.run('ALTER FUNCTION log_changed_destinations() SECURITY INVOKER');
	try {
		const { stdout } = await run(['doctor'], surroundings());
		expect(stdout).toMatch(/… \d+ more lines: `consent-destinations doctor --sql` prints them/);
		const script = await run(['doctor', '--sql'], surroundings());
		await examined.run(script.stdout);
		expect(await run(['doctor'], surroundings())).toMatchObject({ status: 0 });
	} finally {
		await examined.run('ALTER FUNCTION log_changed_destinations() SECURITY DEFINER');
	}
});

test('names in a database cannot steer the terminal or leave a comment', async () => {
	const name = '"\u001b[2J\nDROP TABLE users; --"';
	await examined.run(
		`CREATE POLICY ${name} ON destinations FOR SELECT TO authenticated USING (true)`,
	);
	try {
		const text = await run(['doctor'], surroundings());
		const script = await run(['doctor', '--sql'], surroundings());
		expect(text.stdout).toMatch(/✗ failure {2}policy "\\u001b\[2J DROP TABLE/);
		expect(script.stdout).toMatch(/^-- failure: policy "\\u001b\[2J DROP TABLE/m);
		expect(text.stdout + script.stdout).not.toContain('\u001b');
	} finally {
		await examined.run(`DROP POLICY ${name} ON destinations`);
	}
});

describe('what could not begin ends with 2 and says what to do', () => {
	test.each([
		[
			'nobody listens',
			'postgres://u:pa55word@127.0.0.1:1/none',
			/ECONNREFUSED.*\nfix: .*start Postgres/,
		],
		['no such host', 'postgres://u:pa55word@nowhere.invalid/none', /\nfix: The name of the host/],
		['no URL', '', /DATABASE_URL/],
		['no readable URL', 'postgres://u:pa55word#@h:1/none', /percent-encoded/],
	])('%s', async (_, DATABASE_URL, words) => {
		const { status, stdout, stderr } = await run(['doctor'], { environment: { DATABASE_URL } });
		expect(status).toBe(2);
		expect(stdout).toBe('');
		expect(stderr).toMatch(words);
		expect(stderr).not.toContain('pa55word');
	});

	test('a wrong password', async () => {
		const url = new URL(examined.tenantUrl);
		url.password = newKey();
		const { status, stderr } = await run(['doctor'], surroundings({ DATABASE_URL: url.href }));
		expect(status).toBe(2);
		expect(stderr).toMatch(/password authentication failed.*\nfix: Correct user and password/);
		expect(stderr).not.toContain(url.password);
	});

	test('a missing database', async () => {
		const url = new URL(examined.tenantUrl);
		url.pathname = '/nowhere';
		const { status, stderr } = await run(['doctor'], surroundings({ DATABASE_URL: url.href }));
		expect(status).toBe(2);
		expect(stderr).toMatch(/does not exist\.\nfix: Correct the name of the database/);
	});

	test.each([['--jsn'], ['everything'], ['--json', '--sql']])(
		'wrong usage: %s %s',
		async (...args) => {
			const { status, stderr } = await run(
				['doctor', ...args.filter((a) => typeof a === 'string')],
				surroundings(),
			);
			expect(status).toBe(2);
			expect(stderr).toContain('doctor --help');
		},
	);
});
