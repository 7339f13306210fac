import { WriteStream } from 'node:tty';
import { styleText } from 'node:util';

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

/** A text in a style, where the terminal has styles. */
export interface Styled {
	readonly style: Style;
	readonly text: string;
}

export type Style = 'red' | 'yellow' | 'green' | 'dim' | 'bold';

export function styled(style: Style, text: string): Styled {
	return { style, text };
}

/**
 * Whether an output has colours: a terminal, or what `FORCE_COLOR` says is like one, unless `NO_COLOR`, `TERM` or
 * another variable that Node knows says that it has none (https://nodejs.org/api/tty.html#writestreamgetcolordepthenv).
 */
function hasColors(output: Output, environment: Environment): boolean {
	if (output.isTTY !== true && !environment.FORCE_COLOR) return false;
	const { NO_COLOR, ...others } = environment;
	// Node takes an empty one for a wish too; https://no-color.org does not.
	if (NO_COLOR) return false;
	return WriteStream.prototype.getColorDepth(others) > 1;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The one place where the command prints. Texts come from rows, arguments, the environment and the database, so
 * that anybody may have written them: none ends its line, and none reaches the terminal as anything but text.
 */
export class Printer {
	readonly #output: Output;
	readonly #environment: Environment;
	readonly #hasColors: boolean;
	readonly #also: object;

	/** @param also what each object has besides that is printed as JSON. */
	constructor(output: Output, environment: Environment = {}, also: object = {}) {
		this.#output = output;
		this.#environment = environment;
		this.#hasColors = hasColors(output, environment);
		this.#also = also;
	}

	/** The same output, whose lines of JSON say which database they are of. */
	of(database: string): Printer {
		return new Printer(this.#output, this.#environment, { database });
	}

	/** Whether somebody watches: a line can be redrawn then. */
	get isTTY(): boolean {
		return this.#output.isTTY === true;
	}

	get columns(): number {
		return this.#output.columns ?? 80;
	}

	/** Prints one line; line breaks of the text become spaces. */
	line(...parts: readonly (string | Styled)[]): void {
		this.#output.write(`${parts.map((part) => this.#shown(part)).join('')}\n`);
	}

	/** Prints a help text, whose headings stand out. */
	help(text: string): void {
		for (const line of text.split('\n')) {
			const [, heading, rest = ''] = /^([A-Z][a-z ]+:)( .*)?$/.exec(line) ?? [];
			if (heading === undefined) this.line(line);
			else this.line(styled('bold', heading), rest);
		}
	}

	/** Prints the lines of a text of which only single lines come from elsewhere. */
	lines(text: string): void {
		for (const line of text.split('\n')) this.line(line);
	}

	/** Prints an object as one line of JSON. */
	json(event: object): void {
		this.#output.write(`${printable(JSON.stringify({ ...event, ...this.#also }))}\n`);
	}

	#shown(part: string | Styled): string {
		if (typeof part === 'string') return oneLine(part);
		const text = oneLine(part.text);
		// The style is put around what is harmless already.
		return this.#hasColors ? styleText(part.style, text, { validateStream: false }) : text;
	}

	/** Replaces the line that the cursor is in, and stays in it. */
	redraw(text: string): void {
		this.#output.write(`\r\u001b[2K${oneLine(text)}`);
	}
}

function oneLine(text: string): string {
	return printable(text.replaceAll('\n', ' '));
}
