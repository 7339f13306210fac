import type { Command } from '../command.ts';
import { type Word, wordsOf, wordsOfNone } from './words.ts';

/** Completions of fish (https://fishshell.com/docs/current/cmds/complete.html). */
export function fish(commands: readonly Command[]): string {
	const none = 'not __fish_seen_subcommand_from $consent_destinations_commands';
	return [
		`set -g consent_destinations_commands ${commands.map(({ name }) => name).join(' ')}`,
		'complete -c consent-destinations -f',
		...commands.map(
			({ name, summary }) => `${when(none)} -a ${escaped(name)} -d ${escaped(summary)}`,
		),
		...wordsOfNone.map((word) => line(none, word)),
		...commands.flatMap((command) => {
			const here = `__fish_seen_subcommand_from ${command.name}`;
			const choices = command.choices?.of ?? [];
			return [
				...choices.map((choice) => `${when(here)} -a ${escaped(choice)}`),
				...wordsOf(command).map((word) => line(here, word)),
			];
		}),
	].join('\n');
}

const when = (condition: string) => `complete -c consent-destinations -n ${escaped(condition)}`;

function line(condition: string, { option, help, value }: Word): string {
	const takes = { none: '', any: ' -x', file: ' -r -F' }[value];
	return `${when(condition)} -l ${option.slice(2)}${takes} -d ${escaped(help)}`;
}

/** In the single quotes of fish a backslash escapes. */
function escaped(text: string): string {
	return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
