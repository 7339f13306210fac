import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

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

function summaryOf(changeset: string): string {
	return changeset.slice(changeset.indexOf('\n---\n') + '\n---\n'.length);
}

/** Text whatever its line breaks. */
function words(text: string): string {
	return text.replace(/\s+/g, ' ').trim();
}
