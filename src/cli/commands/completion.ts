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
		summary: 'print the completion script for bash, zsh or fish',
		description: `Prints a script with which the shell completes commands and options of consent-destinations after the Tab key. The
command must be on the PATH by this name: add node_modules/.bin to it.`,
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
