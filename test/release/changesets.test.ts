import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commands } from '../../src/cli/commands.ts';

const root = join(__dirname, '../..');
const changeset = join(root, 'node_modules/@changesets/cli/bin.js');
const parts = ['.changeset', 'package.json', 'CHANGELOG.md', '.gitignore'];

test('the next version can be made, and its CHANGELOG says what every changeset says', () => {
	const copy = mkdtempSync(join(tmpdir(), 'destinations-release-'));
	try {
		for (const part of parts) cpSync(join(root, part), join(copy, part), { recursive: true });
		symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
		execFileSync('git', ['init', '--quiet', '--initial-branch=main'], { cwd: copy });
		const before = JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')).version;
		const changesets = readdirSync(join(copy, '.changeset'))
			.filter((name) => name.endsWith('.md') && name !== 'README.md')
			.map((name) => readFileSync(join(copy, '.changeset', name), 'utf8'));

		execFileSync(process.execPath, [changeset, 'version'], { cwd: copy, stdio: 'pipe' });

		const after = JSON.parse(readFileSync(join(copy, 'package.json'), 'utf8')).version;
		const log = words(readFileSync(join(copy, 'CHANGELOG.md'), 'utf8'));
		expect(after === before).toBe(changesets.length === 0);
		if (changesets.length > 0) expect(log).toContain(`## ${after}`);
		// Before the first release there is nothing else that the next version could be.
		if (before === '0.0.0') expect(after).toBe('1.0.0');
		for (const changeset of changesets) expect(log).toContain(words(summaryOf(changeset)));
	} finally {
		rmSync(copy, { recursive: true });
	}
});

test('until the first release one changeset says what it has, how to begin, and what is promised', () => {
	const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
	if (version !== '0.0.0') return;
	// There is no version before it, of which others could say what changed.
	const saying = readdirSync(join(root, '.changeset')).filter(
		(name) =>
			name.endsWith('.md') &&
			words(summaryOf(readFileSync(join(root, '.changeset', name), 'utf8'))),
	);
	expect(saying).toEqual(['first-release.md']);
	const text = readFileSync(join(root, '.changeset/first-release.md'), 'utf8');
	for (const { name } of commands) expect(text).toContain(`\`${name}\``);
	expect(text).toMatch(
		/\*\*What it has\*\*[\s\S]*\*\*How to begin\*\*[\s\S]*\*\*What is promised from now on\*\*/,
	);
});

function summaryOf(changeset: string): string {
	return changeset.slice(changeset.indexOf('\n---\n') + '\n---\n'.length);
}

/** Text whatever its line breaks. */
function words(text: string): string {
	return text.replace(/\s+/g, ' ').trim();
}
