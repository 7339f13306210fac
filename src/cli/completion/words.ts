import type { Command } from '../command.ts';
import { takesValue } from '../option.ts';

/** What a shell may complete after a command, as its list of options has it. */
export interface Word {
	/** With its dashes. */
	readonly option: string;
	readonly help: string;
	/** What stands after it: nothing, a value that the shell cannot know, or the name of a file. */
	readonly value: 'none' | 'any' | 'file';
}

export function wordsOf({ options }: Command): Word[] {
	const own = Object.entries(options).map(([name, option]): Word => {
		const value = takesValue(option) ? (option.isFile ? 'file' : 'any') : 'none';
		return { option: `--${name}`, help: option.help, value };
	});
	return [...own, { option: '--help', help: 'Print the help of this command.', value: 'none' }];
}

/** What may stand instead of a command. */
export const wordsOfNone: readonly Word[] = [
	{ option: '--help', help: 'Print the help.', value: 'none' },
	{ option: '--version', help: 'Print the version of the package.', value: 'none' },
];

/** A text in single quotes, in which no shell expands anything. */
export function quoted(text: string): string {
	return `'${text.replaceAll("'", `'\\''`)}'`;
}
