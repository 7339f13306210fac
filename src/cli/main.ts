import { DestinationsError } from '../errors.ts';
import { messageOf } from '../input/message-of.ts';
import { NoSessionError } from '../setup/logins.ts';
import { adviceFor, forCommands } from './advice.ts';
import { type Command, helpOf, table } from './command.ts';
import { commands } from './commands.ts';
import { runOnEach } from './each-database.ts';
import { Printer, styled } from './printer.ts';
import { type ExitStatus, exitStatus, type Process, type Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';
import { version } from './version.ts';

const help = `Sets up and checks the database of destinations and the keys of their settings.

Usage: consent-destinations COMMAND [options]

Commands:
${table(commands.map(({ name, summary }) => [name, summary]))}

Options:
${table([
	['-h, --help', 'Print this.'],
	['-v, --version', 'Print the version of the package.'],
])}

\`consent-destinations COMMAND --help\` shows its options, with examples.`;

/** Runs a command line, without the program's name, and returns the exit status. */
export async function main(args: readonly string[], process: Process): Promise<ExitStatus> {
	const { stdout, stderr, environment, folder, signal } = process;
	const terminal: Terminal = {
		stdout: new Printer(stdout, environment),
		stderr: new Printer(stderr, environment),
		environment,
		folder,
		signal,
	};
	const [name, ...rest] = args;
	if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
		(name === undefined ? terminal.stderr : terminal.stdout).help(help);
		return name === undefined ? exitStatus.usage : exitStatus.done;
	}
	if (name === '--version' || name === '-v') {
		terminal.stdout.line(version());
		return exitStatus.done;
	}
	const command = commands.find((known) => known.name === name);
	if (command === undefined) {
		terminal.stderr.line(
			`There is no command "${name}". The commands are: ${commands.map((known) => known.name).join(', ')}.`,
		);
		return exitStatus.usage;
	}
	if (rest.includes('--help') || rest.includes('-h')) {
		terminal.stdout.help(helpOf(command));
		return exitStatus.done;
	}
	try {
		return await runOnEach(command, rest, terminal, (error, of) => report(error, command, of));
	} catch (error) {
		return report(error, command, terminal);
	}
}

/** What others wrote may end without a full stop. */
function sentence(text: string): string {
	return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Prints what went wrong without a stack: the message says what to do. */
function report(error: unknown, { name }: Command, { stderr }: Terminal): ExitStatus {
	if (error instanceof UsageError) {
		stderr.line(error.message);
		stderr.line(`See \`consent-destinations ${name} --help\`.`);
		return exitStatus.usage;
	}
	if (error instanceof DestinationsError) {
		const { code, cause } = error;
		stderr.line(styled('red', `${code}:`), ` ${forCommands(error)}`);
		// What the database says; pg quotes no values of parameters, and the password is in no message of its.
		if (cause !== undefined) stderr.line(sentence(`The database says: ${messageOf(cause)}`));
		const fix = error instanceof NoSessionError ? adviceFor(cause) : undefined;
		if (fix !== undefined) stderr.line(styled('bold', 'fix:'), ` ${fix}`);
		const refusedInput = code === 'VALIDATION' && cause === undefined;
		return code === 'CONFIGURATION' || refusedInput ? exitStatus.usage : exitStatus.failed;
	}
	stderr.line(sentence(`The database refused or did not answer: ${messageOf(error)}`));
	return exitStatus.failed;
}
