import { type Command, defineCommand } from '../command.ts';
import { bash } from '../completion/bash.ts';
import { fish } from '../completion/fish.ts';
import { zsh } from '../completion/zsh.ts';
import { exitStatus } from '../terminal.ts';

const shells: Readonly<Record<string, (commands: readonly Command[]) => string>> = {
	bash,
	zsh,
	fish,
};

/** @param all every command, this one too. */
export function completion(all: () => readonly Command[]): Command {
	return defineCommand({
		name: 'completion',
		summary: 'print what bash, zsh or fish needs to complete this command',
		description: `Prints a script for the shell, which then completes commands and options of consent-destinations after the Tab key.
It needs the command on the PATH by this name: node_modules/.bin, or an alias.`,
		choices: { name: 'SHELL', of: Object.keys(shells) },
		options: {},
		examples: `# bash: in ~/.bashrc
source <(consent-destinations completion bash)

# zsh: in ~/.zshrc, after compinit
source <(consent-destinations completion zsh)

# fish
mkdir -p ~/.config/fish/completions
consent-destinations completion fish > ~/.config/fish/completions/consent-destinations.fish`,
		async run(_, { stdout }, shell) {
			stdout.lines(shells[shell]?.(all()) ?? '');
			return exitStatus.done;
		},
	});
}
