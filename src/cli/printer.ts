/** A stream of the process, or what a test has in its place. */
export interface Output {
	readonly isTTY?: boolean | undefined;
	readonly columns?: number | undefined;
	write(text: string): unknown;
}

/**
 * Control characters, the ESC that begins a terminal's commands among them, characters that change the direction
 * of text or have no glyph, halves of surrogate pairs, and the separators of lines and paragraphs.
 */
const unprintable = /[^\t\P{C}]|[\p{Zl}\p{Zp}]/gu;

/**
 * A text in which nothing steers a terminal: each such character is written as JSON writes it, `\u001b`. In JSON
 * the value stays the same.
 */
function printable(text: string): string {
	return text.replace(unprintable, (character) =>
		// A character of two halves is escaped as JSON does it, each for itself.
		Array.from({ length: character.length }, (_, index) => escapeAt(character, index)).join(''),
	);
}

function escapeAt(text: string, index: number): string {
	return `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`;
}

/**
 * The one place where the command prints. Texts come from rows, arguments, the environment and the database, so
 * that anybody may have written them: none ends its line, and none reaches the terminal as anything but text.
 */
export class Printer {
	readonly #output: Output;

	constructor(output: Output) {
		this.#output = output;
	}

	/** Whether somebody watches: a line can be redrawn then. */
	get isTTY(): boolean {
		return this.#output.isTTY === true;
	}

	get columns(): number {
		return this.#output.columns ?? 80;
	}

	/** Prints one line; line breaks of the text become spaces. */
	line(text: string): void {
		this.#output.write(`${oneLine(text)}\n`);
	}

	/** Prints the lines of a text of which only single lines come from elsewhere. */
	lines(text: string): void {
		for (const line of text.split('\n')) this.line(line);
	}

	/** Prints an object as one line of JSON. */
	json(event: object): void {
		this.#output.write(`${printable(JSON.stringify(event))}\n`);
	}

	/** Replaces the line that the cursor is in, and stays in it. */
	redraw(text: string): void {
		this.#output.write(`\r\u001b[2K${oneLine(text)}`);
	}
}

function oneLine(text: string): string {
	return printable(text.replaceAll('\n', ' '));
}
