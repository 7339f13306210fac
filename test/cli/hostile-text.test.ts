import { Printer } from '../../src/cli/printer.ts';
import { newKey, SealedService } from '../rotation/sealed-service.ts';
import { type Ended, run } from './command-line.ts';

/** Clears the screen, goes up a line, forges a line, colors, turns text around, and ends lines in other ways. */
const hostile =
	'h\u001b[2J\u001b[1A\rFORGED\nFORGED\u2028FORGED\u2029FORGED\u0085\u009b31m\u202e\u2066\u200f\u200b\u007f\u0007\u{e0001}';

/** What only steers a terminal, or is not seen in it. */
const steering = /[^\t\n\P{C}]|[\p{Zl}\p{Zp}]/u;

function expectHarmless({ stdout, stderr }: Omit<Ended, 'status'>): void {
	// The one thing of the command's own: a line that is drawn anew.
	for (const text of [stdout, stderr.replaceAll('\r\u001b[2K', '')]) {
		expect(text).not.toMatch(steering);
		expect(text).not.toMatch(/^\s*FORGED/m);
	}
}

describe('a printer', () => {
	let printed = '';
	const printer = new Printer({ write: (text) => (printed += text) });

	beforeEach(() => {
		printed = '';
	});

	/** Every character that steers, and some that do not. */
	const characters = Array.from({ length: 0x11_0000 }, (_, point) => String.fromCodePoint(point));
	const everything = characters.filter((character) => steering.test(character)).join('');
	const harmless = 'aé日\u{1f600}\t"\\ \u00a0';

	test('prints what steers a terminal as escapes, and all else as it is', () => {
		printer.line(`${harmless}${everything}`);
		expectHarmless({ stdout: printed, stderr: '' });
		expect(printed.startsWith(harmless)).toBe(true);
		expect(printed.match(/\n/g)).toHaveLength(1);
		printed = '';
		printer.line('\u001b[2J\u202e\u{e0001}\u0000');
		expect(printed).toBe('\\u001b[2J\\u202e\\udb40\\udc01\\u0000\n');
	});

	test('prints one line for one line, and lines for lines', () => {
		printer.line('one\ntwo\r\n');
		expect(printed).toBe('one two\\u000d \n');
		printed = '';
		printer.lines('one\ntwo\u001b');
		expect(printed).toBe('one\ntwo\\u001b\n');
	});

	test('prints JSON on one line, of the same value', () => {
		const event = { [hostile]: [hostile, `${harmless}${everything}`, { deep: '\ud800' }] };
		printer.json(event);
		expectHarmless({ stdout: printed, stderr: '' });
		expect(printed.match(/\n/g)).toHaveLength(1);
		expect(JSON.parse(printed)).toEqual(event);
	});

	test('draws a line anew with nothing in it that steers', () => {
		printer.redraw(hostile);
		expectHarmless({ stdout: '', stderr: printed });
		expect(printed.startsWith('\r\u001b[2Kh\\u001b')).toBe(true);
	});
});

const everyCommand = [
	'verify',
	'verify --json',
	'rotate --dry-run',
	'rotate --json',
	'rotate',
	'doctor',
	'doctor --json',
	'doctor --sql',
	'keygen',
	'keygen --json',
].map((line) => [line, line.split(' ')] as const);

describe('nothing that others wrote steers or forges:', () => {
	let sealed: SealedService;

	beforeAll(async () => {
		sealed = await SealedService.open();
		await sealed.fill();
		await sealed.dropConstraints();
	});
	afterAll(() => sealed.close());

	/** Runs a command line where progress is drawn, which prints more than a log has. */
	async function harmless(
		args: readonly string[],
		changes: Record<string, string> = {},
	): Promise<Ended> {
		const environment = {
			DATABASE_URL: sealed.connectionString,
			DESTINATIONS_ENCRYPTION_KEYS: sealed.ring,
			...changes,
		};
		const ended = await run(args, { environment, isTTY: true });
		expectHarmless(ended);
		if (args.includes('--json') && ended.status !== 2) {
			for (const line of ended.stdout.trimEnd().split('\n')) {
				if (line !== '') expect(typeof JSON.parse(line)).toBe('object');
			}
		}
		return ended;
	}

	test('arguments', async () => {
		const options = ['--id', '--organization', '--batch', '--json', '--sql', '--dry-run'];
		for (const args of [
			[hostile],
			...[...new Set(everyCommand.map(([, [name = '']]) => name))].flatMap((name) => [
				[name, hostile],
				[name, `--${hostile}`],
				[name, `-${hostile}`],
				...options.flatMap((option) => [
					[name, option, hostile],
					[name, `${option}=${hostile}`],
				]),
			]),
		]) {
			expect((await harmless(args)).status).toBe(2);
		}
	});

	test.each(everyCommand)('the environment of %s', async (_, args) => {
		const url = new URL(sealed.connectionString);
		const changed = (part: 'username' | 'pathname' | 'hostname' | 'search', value: string) => {
			const other = new URL(url);
			other[part] = value;
			return { DATABASE_URL: other.href };
		};
		const encoded = encodeURIComponent(hostile);
		for (const environment of [
			{ DATABASE_URL: hostile },
			{ DATABASE_URL: `postgres://${encoded}:1/x` },
			{ DATABASE_SERVICE_URL: hostile },
			changed('username', encoded),
			changed('pathname', `/${encoded}`),
			changed('search', `?host=${encoded}`),
			changed('search', `?options=-c%20${encoded}`),
			changed('search', `?sslmode=${encoded}`),
			changed('search', `?application_name=${encoded}`),
			{ DESTINATIONS_ENCRYPTION_KEYS: hostile },
			{ DESTINATIONS_ENCRYPTION_KEYS: `${hostile}:${newKey()}` },
			{ DESTINATIONS_ENCRYPTION_KEYS: `a:${newKey()},${hostile}:${hostile}` },
		]) {
			await harmless(args, environment);
		}
	});

	test.each(everyCommand)('rows, for %s', async (_, args) => {
		await sealed.tamper(
			`UPDATE destinations SET settings = jsonb_set(settings, '{kid}', to_jsonb($1::text))`,
			[hostile],
		);
		await sealed.tamper(
			`UPDATE destination_settings_history SET settings = jsonb_set(settings, '{kid}', to_jsonb($1::text))`,
			[newKey()],
		);
		const { stdout, stderr } = await harmless(args);
		if (args[0] === 'verify') expect(stdout).toContain('(not a valid key id)');
		expect(stdout + stderr).not.toMatch(/FORGED/);
	});

	test.each(everyCommand)('what the database says to %s', async (_, args) => {
		const { admin } = sealed.service;
		const literal = admin.escapeLiteral(hostile);
		// A refusal of every statement that reads or writes rows.
		await admin.query(
			`CREATE FUNCTION public.refuse() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
				RAISE EXCEPTION USING MESSAGE = ${literal}, DETAIL = ${literal}, HINT = ${literal};
			END $$`,
		);
		try {
			for (const table of ['destinations', 'destination_settings_history']) {
				await admin.query(
					`CREATE POLICY refuse ON public.${table} AS RESTRICTIVE USING (public.refuse())`,
				);
			}
			const { status, stderr } = await harmless(args);
			if (args[0] === 'verify' || args[0] === 'rotate') {
				expect(status).toBe(1);
				expect(stderr).toContain('h\\u001b[2J');
			}
		} finally {
			await admin.query('DROP FUNCTION public.refuse CASCADE');
		}
	});

	test.each(everyCommand)('names of what is in the database, for %s', async (_, args) => {
		const { admin } = sealed.service;
		const name = admin.escapeIdentifier(hostile.slice(0, 16));
		const role = admin.escapeIdentifier(`${hostile.slice(0, 16)}role`);
		await admin.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'x'`);
		try {
			await admin.query(`CREATE POLICY ${name} ON public.destinations USING (true);
				CREATE INDEX ${name} ON public.destinations (name);
				CREATE FUNCTION public.${name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
				CREATE TRIGGER ${name} AFTER INSERT ON public.destinations
					FOR EACH STATEMENT EXECUTE FUNCTION public.${name}();
				ALTER TABLE public.destinations ADD CONSTRAINT ${name} CHECK (true);
				GRANT service_role TO ${role};
				GRANT SELECT ON public.destinations TO ${role}`);
			const url = new URL(sealed.connectionString);
			url.username = encodeURIComponent(`${hostile.slice(0, 16)}role`);
			url.password = 'x';
			await harmless(args);
			const { stdout } = await harmless(args, { DATABASE_URL: url.href });
			if (args[0] === 'doctor') expect(stdout).toContain('h\\u001b[2J');
		} finally {
			await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role};
				DROP FUNCTION IF EXISTS public.${name} CASCADE;
				DROP POLICY IF EXISTS ${name} ON public.destinations;
				DROP INDEX IF EXISTS public.${name};
				ALTER TABLE public.destinations DROP CONSTRAINT IF EXISTS ${name}`);
		}
	});
});
