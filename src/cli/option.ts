import { uuidPattern } from '../ids/uuid-pattern.ts';
import { UsageError } from './usage-error.ts';

/** An option that is there or is not. */
export interface Flag {
	/** What it does: a sentence for the help. */
	readonly help: string;
}

/** An option with a value after it. */
export interface ValueOption<Value> extends Flag {
	/** What the help calls the value: `ROWS`. */
	readonly value: string;
	/** Whether a shell completes names of files there. */
	readonly isFile?: boolean;
	/** The value of a text. @throws UsageError that names the option and says what it takes. */
	read(text: string, option: string): Value;
}

/** The options of a command, by their names without dashes. */
export type Options = Readonly<Record<string, Flag | ValueOption<unknown>>>;

/** What a command line has for the options of a command. */
export type Values<Given extends Options> = {
	readonly [Name in keyof Given]: Given[Name] extends ValueOption<infer Value>
		? Value | undefined
		: boolean;
};

export function takesValue(option: Flag | ValueOption<unknown>): option is ValueOption<unknown> {
	return 'value' in option;
}

/** `--json`: every command whose output a program reads has it. */
export function json(help: string): { readonly json: Flag } {
	return { json: { help } };
}

/** `--batch`, within the bounds that the library has for it. */
export const batch: ValueOption<number> = {
	value: 'ROWS',
	help: 'Rows in one transaction, 1 to 10,000. Default: 250.',
	read(text, option) {
		const rows = /^\d{1,9}$/.test(text) ? Number(text) : 0;
		if (rows >= 1 && rows <= 10_000) return rows;
		throw new UsageError(`${option} must be a whole number from 1 to 10,000, and is "${text}".`);
	},
};

/** `--organization`. */
export const organization: ValueOption<string> = {
	value: 'ID',
	help: 'Only this organization.',
	read(text, option) {
		if (uuidPattern.test(text)) return text;
		throw new UsageError(`${option} must be the UUID of an organization, and is "${text}".`);
	},
};

/** An option that takes a text of a pattern. @param expected what it must be, for the error. */
export function textOption(
	about: Pick<ValueOption<string>, 'value' | 'help' | 'isFile'>,
	isValid: (text: string) => boolean,
	expected: string,
): ValueOption<string> {
	return {
		...about,
		read(text, option) {
			if (isValid(text)) return text;
			throw new UsageError(`${option} must ${expected}.`);
		},
	};
}
