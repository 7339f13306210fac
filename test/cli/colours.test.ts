import { stripVTControlCharacters } from 'node:util';
import { saidOnce } from '../../src/cli/findings.ts';
import { Printer, styled } from '../../src/cli/printer.ts';
import { failure, note, warning } from '../../src/doctor/finding.ts';
import { run } from './command-line.ts';

const ESC = '\u001b';
const unreachable = { DATABASE_URL: 'postgres://u:p@127.0.0.1:1/none' };

/** Whether a command has colours on an output, in its help and in its errors. */
async function hasColors(isTTY: boolean, environment: Record<string, string>): Promise<boolean> {
	const help = await run(['doctor', '--help'], { isTTY, environment });
	const error = await run(['doctor'], { isTTY, environment: { ...unreachable, ...environment } });
	expect(help.stdout.includes(ESC)).toBe(error.stderr.includes(ESC));
	return help.stdout.includes(ESC);
}

test.each([
	[true, { TERM: 'xterm-256color' }, true],
	[true, { TERM: 'xterm-256color', NO_COLOR: '' }, true],
	[true, { TERM: 'xterm-256color', NO_COLOR: '1' }, false],
	[true, { TERM: 'xterm-256color', NODE_DISABLE_COLORS: '1' }, false],
	[true, { TERM: 'xterm-256color', FORCE_COLOR: '0' }, false],
	[true, { TERM: 'xterm-256color', FORCE_COLOR: '1', NO_COLOR: '1' }, false],
	[true, { TERM: 'dumb' }, false],
	[false, { TERM: 'xterm-256color' }, false],
	[false, { FORCE_COLOR: '1' }, true],
	[false, { FORCE_COLOR: '0' }, false],
	[false, {}, false],
])('a terminal: %s, with %j: colours: %s', async (isTTY, environment, expected) => {
	expect(await hasColors(isTTY, environment)).toBe(expected);
});

test('without its colours, a text is what it is without them', async () => {
	const plain = await run(['doctor', '--help']);
	const colored = await run(['doctor', '--help'], { environment: { FORCE_COLOR: '1' } });
	expect(stripVTControlCharacters(colored.stdout)).toBe(plain.stdout);
});

test('nothing in a text that is styled steers the terminal', () => {
	let printed = '';
	const printer = new Printer({ write: (text) => (printed += text) }, { FORCE_COLOR: '1' });
	printer.line(styled('red', `h${ESC}[2J\nFORGED`), ` ${ESC}[1A`);
	expect(printed).toBe(`${ESC}[31mh\\u001b[2J FORGED${ESC}[39m \\u001b[1A\n`);
});

test('findings that are the same are said once, with their number', () => {
	const member = (subject: string) =>
		warning(`${subject} may switch to authenticated`, {
			subject,
			fix: 'Unless it is a login of a service:',
			sql: `REVOKE authenticated FROM ${subject};`,
		});
	const findings = [
		failure('no such key', { fix: 'Add it.' }),
		...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map(member),
		failure('no such key', { fix: 'Add it.' }),
		note('no such key', { fix: 'Add it.' }),
		member('h'),
	];
	const said = saidOnce(findings);
	expect(said.map(({ severity, message }) => `${severity}: ${message}`)).toEqual([
		'failure: no such key (2 times)',
		'warning: a, b, c, d, e and 3 others (8 in all) may switch to authenticated',
		'note: no such key',
	]);
	expect(said[1]?.sql?.split('\n')).toHaveLength(8);
	expect(said[0]?.sql).toBeUndefined();
});
