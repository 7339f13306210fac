import type { Command } from '../command.ts';
import { quoted, wordsOf, wordsOfNone } from './words.ts';

/** A completion of bash, 3.2 of macOS too (https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html). */
export function bash(commands: readonly Command[]): string {
	const none = [...commands.map(({ name }) => name), ...wordsOfNone.map(({ option }) => option)];
	return `_consent_destinations() {
	local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} words= word
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		words=${quoted(none.join(' '))}
	else
		case "\${COMP_WORDS[1]} $previous" in
${commands.flatMap(values).join('\n')}
		esac
		case \${COMP_WORDS[1]} in
${commands.map((command) => `\t\t${command.name}) words=${quoted(allOf(command).join(' '))} ;;`).join('\n')}
		esac
	fi
	while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$current")
}
complete -F _consent_destinations consent-destinations`;
}

function allOf(command: Command): string[] {
	return [...(command.choices?.of ?? []), ...wordsOf(command).map(({ option }) => option)];
}

/** What follows an option with a value: names of files, or nothing. */
function values(command: Command): string[] {
	return wordsOf(command)
		.filter(({ value }) => value !== 'none')
		.map(({ option, value }) => {
			const reply =
				value === 'file'
					? 'while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$current"); '
					: '';
			return `\t\t${quoted(`${command.name} ${option}`)}) ${reply}return ;;`;
		});
}
