import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commands } from '../../src/cli/commands.ts';
import { commandsOf } from '../docs/command-lines.ts';
import { bundle } from '../support/bundle.ts';
import { run } from './command-line.ts';

/** A script that prints, for lines whose last word is not finished, what the shell offers, with `==` before each. */
type Script = (completion: string, lines: readonly string[]) => string;

const shells: Readonly<Record<string, Script>> = {
	bash: (completion, lines) => `source '${completion}'
		[ "$(complete -p consent-destinations)" = 'complete -F _consent_destinations consent-destinations' ] || exit 1
		offer() {
			IFS=' ' read -ra COMP_WORDS <<< "$1"
			case $1 in *' ') COMP_WORDS+=('');; esac
			COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
			_consent_destinations
			printf '%s\\n' == "\${COMPREPLY[@]}"
		}
		${lines.map((line) => `offer '${line}'`).join('\n')}`,
	// A shell of its own on a pseudo-terminal, which lists what it would complete.
	zsh: (completion, lines) => `zmodload zsh/zpty
		zpty shell zsh -f -i
		zpty -w shell 'autoload -U compinit; compinit -u -D; PS1=; source ${completion}; LISTMAX=1000; bindkey "^I" list-choices; stty columns 200; print ready-$((1+1))'
		while zpty -r shell answer; do [[ $answer = *ready-2* ]] && break; done
		offer() {
			print -- '=='
			zpty -w -n shell "$1"$'\\t'
			sleep 0.3
			zpty -w -n shell $'\\C-u'
			zpty -w shell 'print end-$((1+1))'
			while zpty -r shell answer; do [[ $answer = *end-2* ]] && break; print -r -- $answer; done
		}
		${lines.map((line) => `offer '${line}'`).join('\n')}`,
	fish: (completion, lines) => `source '${completion}'
		${lines.map((line) => `echo ==; complete -C '${line}'`).join('\n')}`,
};

function isInstalled(name: string): boolean {
	try {
		execFileSync(name, ['--version'], { stdio: 'ignore' });
		return true;
	} catch {
		process.stderr.write(`Not tried, because ${name} is not installed: its completion\n`);
		return false;
	}
}

const installed = Object.entries(shells).filter(([name]) => isInstalled(name));

test.each(installed)(
	'%s completes every command, every option of each, and what an option takes',
	async (name, script) => {
		const folder = await mkdtemp(join(tmpdir(), 'completion-'));
		try {
			const { status, stdout } = await run(['completion', name]);
			expect(status).toBe(0);
			await writeFile(join(folder, name), stdout);
			await writeFile(join(folder, 'own-file.env'), '');
			const lines = [
				'consent-destinations ',
				'consent-destinations completion ',
				'consent-destinations init --file own',
				'consent-destinations rotate --batch ',
				...commands.map((command) => `consent-destinations ${command.name} --`),
			];
			const printed = execFileSync(name, ['-c', script(join(folder, name), lines)], {
				cwd: folder,
				encoding: 'utf8',
				env: { ...process.env, TERM: 'dumb', HOME: folder },
			});
			// Lists have descriptions behind the words, and several words a line.
			const offered = printed
				.split(/^==$/m)
				.slice(1)
				.map((list) => list.split(/\s+/));
			const [names, ofCompletion, ofFile, ofBatch, ...ofCommands] = offered;
			expect(names).toEqual(expect.arrayContaining(commands.map((command) => command.name)));
			expect(ofCompletion).toEqual(expect.arrayContaining(['bash', 'zsh', 'fish']));
			expect(ofFile).toContain('own-file.env');
			expect(ofBatch).not.toContain('--json');
			expect(ofCommands).toHaveLength(commands.length);
			for (const [index, found] of ofCommands.entries()) {
				const own = optionsOf(commands[index]);
				expect(found).toEqual(expect.arrayContaining([...own, '--help']));
				const others = commands.flatMap(optionsOf).filter((option) => !own.includes(option));
				expect(found.filter((word) => others.includes(word))).toEqual([]);
			}
		} finally {
			await rm(folder, { recursive: true });
		}
	},
);

/** What a shell begins with, and how it shows that it completes the command. */
const completed: Readonly<Record<string, readonly [before: string, shown: string]>> = {
	bash: ['', 'complete -p consent-destinations'],
	zsh: ['autoload -U compinit; compinit -u -D', 'print $_comps[consent-destinations]'],
	fish: ['', 'fish -c \'complete -C "consent-destinations comp"\''],
};

test.each(installed)('what the guide says installs it in %s', async (name) => {
	const folder = await mkdtemp(join(tmpdir(), 'completion-'));
	const program = await bundle('src/cli/bin.ts');
	try {
		const bin = join(folder, 'node_modules/.bin');
		await mkdir(bin, { recursive: true });
		const script = `#!/bin/sh\nexec '${process.execPath}' '${program.file}' "$@"\n`;
		await writeFile(join(bin, 'consent-destinations'), script, { mode: 0o755 });
		const [before = '', shown = ''] = completed[name] ?? [];
		const typed = commandsOf(
			'docs/guides/operations.md',
			'export PATH="$PWD/node_modules/.bin:$PATH"',
			...(name === 'fish'
				? ['mkdir -p ~/.config/fish/completions', 'consent-destinations completion fish']
				: [`source <(consent-destinations completion ${name})`]),
		);
		const printed = execFileSync(name, ['-c', [before, ...typed, shown].join('\n')], {
			cwd: folder,
			encoding: 'utf8',
			env: { PATH: process.env.PATH, TERM: 'dumb', HOME: folder },
		});
		expect(printed).toMatch(/_consent_destinations|completion/);
	} finally {
		await program.remove();
		await rm(folder, { recursive: true });
	}
});

const optionsOf = (command: (typeof commands)[number] | undefined) =>
	Object.keys(command?.options ?? {}).map((option) => `--${option}`);

test('another shell is refused, with those that there are', async () => {
	expect(await run(['completion', 'tcsh'])).toMatchObject({
		status: 2,
		stdout: '',
		stderr: expect.stringContaining('SHELL must be one of these words: bash, zsh, fish.'),
	});
});
