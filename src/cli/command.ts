import { type ParseArgsConfig, parseArgs } from 'node:util';
import type { ExitStatus, Terminal } from './terminal.ts';

/** A subcommand. */
export interface Command {
	readonly name: string;
	/** One line for the list of commands. */
	readonly summary: string;
	/** What `--help` prints. */
	readonly help: string;
	run(args: readonly string[], terminal: Terminal): Promise<ExitStatus>;
}

/** The arguments do not make sense; the message says which. */
export class UsageError extends Error {}

type OptionsOf = NonNullable<ParseArgsConfig['options']>;

/** Reads a command's options. What it does not know is refused. */
export function readOptions<const Options extends OptionsOf>(
	args: readonly string[],
	options: Options,
) {
	try {
		return parseArgs({ args: [...args], options, strict: true, allowPositionals: false }).values;
	} catch (error) {
		throw new UsageError(error instanceof Error ? error.message : String(error));
	}
}

export function readInteger(name: string, text: string | undefined): number | undefined {
	if (text === undefined) return undefined;
	if (/^\d{1,9}$/.test(text)) return Number(text);
	throw new UsageError(`--${name} must be a whole number, and is "${text}".`);
}
