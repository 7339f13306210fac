import type { Command } from '../command.ts';
import { quoted, type Word, wordsOf, wordsOfNone } from './words.ts';

/** A completion of zsh (https://zsh.sourceforge.io/Doc/Release/Completion-System.html#Completion-Functions). */
export function zsh(commands: readonly Command[]): string {
	return `#compdef consent-destinations
_consent_destinations() {
	local -a commands
	commands=(
${commands.map(({ name, summary }) => `\t\t${quoted(`${escaped(name)}:${summary}`)}`).join('\n')}
	)
	if (( CURRENT == 2 )); then
		_describe command commands
		_arguments ${wordsOfNone.map(specification).join(' ')}
		return
	fi
	local command=$words[2]
	shift words
	(( CURRENT-- ))
	case $command in
${commands.map((command) => `\t${command.name}) _arguments ${argumentsOf(command).join(' ')} ;;`).join('\n')}
	esac
}
compdef _consent_destinations consent-destinations`;
}

function argumentsOf(command: Command): string[] {
	const { choices } = command;
	const choice =
		choices === undefined ? [] : [quoted(`1:${choices.name}:(${choices.of.join(' ')})`)];
	return [...choice, ...wordsOf(command).map(specification)];
}

function specification({ option, help, value }: Word): string {
	const action = { none: '', any: ':value: ', file: ':file:_files' }[value];
	return quoted(`${option}[${escaped(help)}]${action}`);
}

/** Colons and brackets end what zsh takes for a description. */
function escaped(text: string): string {
	return text.replace(/[\\[\]:]/g, '\\$&');
}
