import { type ParseArgsConfig, parseArgs, types } from 'node:util';
import { type Variable, variables } from './environment.ts';
import { type Options, takesValue, type Values } from './option.ts';
import type { ExitStatus, Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** What a command is made of. Its help, what it reads and what a shell completes come from the same lists. */
interface Definition<Given extends Options> {
	readonly name: string;
	/** One line for the list of commands. */
	readonly summary: string;
	/** What it does: the first paragraphs of its help. */
	readonly description: string;
	/** Words that may stand after the name, of which it takes one; none where this is left out. */
	readonly choices?: { readonly name: string; readonly of: readonly string[] };
	readonly options: Given;
	/** What it reads of the environment, with what the variable is for here. */
	readonly environment?: Readonly<Partial<Record<Variable, string>>>;
	/** Where it runs on each of the databases that `DATABASE_URLS` has, too: the options with which it does not. */
	readonly eachDatabase?: { readonly except: readonly string[] };
	/** What its exit status says, where there is more than success and wrong usage. */
	readonly statuses?: string;
	/** Command lines, with a comment above each. */
	readonly examples: string;
	/** What the help ends with. */
	readonly closing?: string;
	run(values: Values<Given>, terminal: Terminal, choice: string): Promise<ExitStatus>;
}

/** A subcommand. */
export interface Command extends Omit<Definition<Options>, 'run'> {
	/** Reads what stands after its name. @throws UsageError for what it does not know. */
	check(args: readonly string[]): void;
	/** Runs with what stands after its name. @throws UsageError for what it does not know. */
	run(args: readonly string[], terminal: Terminal): Promise<ExitStatus>;
}

export function defineCommand<const Given extends Options>({
	run,
	...definition
}: Definition<Given>): Command {
	return {
		...definition,
		check(args) {
			readArguments(definition, args);
		},
		run(args, terminal) {
			const { values, choice } = readArguments(definition, args);
			return run(values, terminal, choice);
		},
	};
}

function readArguments<Given extends Options>(
	{ choices, options }: Pick<Definition<Given>, 'choices' | 'options'>,
	args: readonly string[],
): { values: Values<Given>; choice: string } {
	const { values: given, positionals } = parsed(args, options, choices !== undefined);
	const read = Object.entries(options).map(([name, option]) => {
		const text = given[name];
		if (!takesValue(option)) return [name, text === true];
		return [name, typeof text === 'string' ? option.read(text, `--${name}`) : undefined];
	});
	const [choice = '', ...more] = positionals;
	if (choices !== undefined && (!choices.of.includes(choice) || more.length > 0)) {
		throw new UsageError(`${choices.name} must be one of these words: ${choices.of.join(', ')}.`);
	}
	// Each entry was read by the option of its name.
	return { values: Object.fromEntries(read) as Values<Given>, choice };
}

function parsed(args: readonly string[], options: Options, allowPositionals: boolean) {
	const kinds = Object.entries(options).map(([name, option]) => [
		name,
		{ type: takesValue(option) ? ('string' as const) : ('boolean' as const) },
	]);
	const config: ParseArgsConfig = {
		args: [...args],
		options: Object.fromEntries(kinds),
		strict: true,
		allowPositionals,
	};
	try {
		return parseArgs(config);
	} catch (error) {
		const message = types.isNativeError(error) ? error.message : String(error);
		const [said, unknown] = /^Unknown option '--([^']+)'/.exec(message) ?? [message];
		const meant = Object.keys(options).find(
			(name) => unknown !== undefined && isClose(unknown, name),
		);
		const question = meant === undefined ? '' : ` Did you mean --${meant}?`;
		throw new UsageError(`${said.endsWith('.') ? said : `${said}.`}${question}`);
	}
}

/** Whether somebody may have meant a name: a third of its letters may be wrong, or one. */
function isClose(word: string, name: string): boolean {
	return isWithin(Math.max(1, Math.floor(name.length / 3)), word, name);
}

/** Whether so many letters, added, removed or replaced, make one word into the other. */
function isWithin(letters: number, one: string, other: string): boolean {
	if (one === other) return true;
	if (one !== '' && one[0] === other[0]) return isWithin(letters, one.slice(1), other.slice(1));
	if (letters === 0) return false;
	const [shortOne, shortOther] = [one.slice(1), other.slice(1)];
	return [
		[shortOne, other],
		[one, shortOther],
		[shortOne, shortOther],
	].some(([left = '', right = '']) => isWithin(letters - 1, left, right));
}

/** What `--help` prints. */
export function helpOf(command: Command): string {
	const { name, description, choices, options, environment = {} } = command;
	const usage = [name, ...(choices === undefined ? [] : [choices.name]), '[options]'].join(' ');
	const rows = Object.entries(options).map(
		([option, about]) =>
			[takesValue(about) ? `--${option} ${about.value}` : `--${option}`, about.help] as const,
	);
	const used = variables.flatMap((variable) => {
		const use = environment[variable];
		return use === undefined ? [] : [[variable, use] as const];
	});
	return [
		description,
		`Usage: consent-destinations ${usage}`,
		`Options:\n${table([...rows, ['-h, --help', 'Print this.']])}`,
		...(used.length === 0 ? [] : [`Environment:\n${table(used)}`]),
		...(command.statuses === undefined ? [] : [`Exit status: ${command.statuses}`]),
		`Examples:\n${command.examples.replace(/^(?=.)/gm, '  ')}`,
		...(command.closing === undefined ? [] : [command.closing]),
	].join('\n\n');
}

/** Lines of two columns, indented. */
export function table(rows: readonly (readonly [left: string, right: string])[]): string {
	const width = Math.max(...rows.map(([left]) => left.length));
	return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n');
}
