import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '../..');
let folder: string;

beforeEach(() => {
	folder = mkdtempSync(join(tmpdir(), 'destinations-migrations-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

function add(name: string, ...statements: string[]): void {
	mkdirSync(join(folder, name));
	writeFileSync(join(folder, name, 'migration.sql'), statements.join('\n'));
}

function lint(...args: string[]) {
	const { status, stdout, stderr } = spawnSync(
		process.execPath,
		['--import', 'tsx', join(root, 'scripts/lint-migrations.ts'), ...args],
		{ cwd: root, encoding: 'utf8' },
	);
	return { status, output: `${stdout}${stderr}` };
}

const timeouts = "SET LOCAL lock_timeout = '5s';\nSET LOCAL statement_timeout = '60s';";

test('the migrations of this package pass', () => {
	expect(lint()).toMatchObject({ status: 0 });
});

test.each([
	['require-lock-timeout', 'ALTER TABLE public.destinations ADD COLUMN note text;'],
	['require-statement-timeout', 'ALTER TABLE public.destinations ADD COLUMN note text;'],
	[
		'adding-required-field',
		`${timeouts}\nALTER TABLE public.destinations ADD COLUMN note text NOT NULL;`,
	],
	[
		'require-concurrent-index-creation',
		`${timeouts}\nCREATE INDEX idx_destinations_note ON public.destinations (name);`,
	],
	[
		'ban-concurrent-index-creation-in-transaction',
		`${timeouts}\nCREATE INDEX CONCURRENTLY IF NOT EXISTS a ON public.destinations (name);`,
	],
	['require-table-schema', `${timeouts}\nALTER TABLE destinations ADD COLUMN note text;`],
	['prefer-text-field', `${timeouts}\nALTER TABLE public.destinations ADD COLUMN note varchar(9);`],
	[
		'prefer-bigint-over-int',
		`${timeouts}\nALTER TABLE public.destinations ADD COLUMN size integer;`,
	],
])('%s holds for a new migration', (rule, sql) => {
	add('20990101000000_new', sql);
	const { status, output } = lint(folder);
	expect(output).toContain(rule);
	expect(status).toBe(1);
});

test.each(['squawk-ignore', 'squawk-ignore-file'])(
	'a rule, and no other, can be ignored where the migration says %s',
	(ignored) => {
		const index = [
			timeouts,
			`-- ${ignored} require-concurrent-index-creation`,
			'CREATE INDEX idx_destinations_name ON public.destinations (name);',
		];
		add('20990101000000_index', ...index);
		expect(lint(folder)).toMatchObject({ status: 0 });
		add('20990101000001_column', ...index, 'ALTER TABLE public.destinations ADD note varchar(9);');
		expect(lint(folder)).toMatchObject({
			status: 1,
			output: expect.stringContaining('prefer-text-field'),
		});
	},
);

test('a folder without migrations is a mistake', () => {
	expect(lint(folder).status).toBe(1);
});
