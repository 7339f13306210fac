import { DestinationsError } from '../errors.ts';
import { messageOf } from '../input/message-of.ts';
import { type Command, UsageError } from './command.ts';
import { adopt } from './commands/adopt.ts';
import { doctor } from './commands/doctor.ts';
import { init } from './commands/init.ts';
import { keygen } from './commands/keygen.ts';
import { rotate } from './commands/rotate.ts';
import { verify } from './commands/verify.ts';
import { Printer } from './printer.ts';
import { type ExitStatus, exitStatus, type Process, type Terminal } from './terminal.ts';

/** Every subcommand, in the order of the help. */
const commands: readonly Command[] = [init, keygen, doctor, verify, rotate, adopt];

const help = `Looks after the encrypted settings of destinations.

Usage: consent-destinations COMMAND [options]

Commands:
${commands.map(({ name, summary }) => `  ${name.padEnd(8)}${summary}`).join('\n')}

\`consent-destinations COMMAND --help\` shows its options, with examples.`;

/** Runs a command line, without the program's name, and returns the exit status. */
export async function main(args: readonly string[], process: Process): Promise<ExitStatus> {
	const terminal: Terminal = {
		stdout: new Printer(process.stdout),
		stderr: new Printer(process.stderr),
		environment: process.environment,
		folder: process.folder,
		signal: process.signal,
	};
	const [name, ...rest] = args;
	if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
		(name === undefined ? terminal.stderr : terminal.stdout).lines(help);
		return name === undefined ? exitStatus.usage : exitStatus.done;
	}
	const command = commands.find((known) => known.name === name);
	if (command === undefined) {
		terminal.stderr.line(
			`There is no command "${name}". There are: ${commands.map((known) => known.name).join(', ')}.`,
		);
		return exitStatus.usage;
	}
	if (rest.includes('--help') || rest.includes('-h')) {
		terminal.stdout.lines(command.help);
		return exitStatus.done;
	}
	try {
		return await command.run(rest, terminal);
	} catch (error) {
		return report(error, command, terminal);
	}
}

/** Prints what went wrong without a stack: the message says what to do. */
function report(error: unknown, { name }: Command, { stderr }: Terminal): ExitStatus {
	if (error instanceof UsageError) {
		stderr.line(error.message);
		stderr.line(`See \`consent-destinations ${name} --help\`.`);
		return exitStatus.usage;
	}
	if (error instanceof DestinationsError) {
		const { code, message, cause } = error;
		stderr.line(`${code}: ${message}`);
		// What the database says; pg quotes no values of parameters, and the password is in no message of its.
		if (cause !== undefined) stderr.line(`The database says: ${messageOf(cause)}`);
		const refusedInput = code === 'VALIDATION' && cause === undefined;
		return code === 'CONFIGURATION' || refusedInput ? exitStatus.usage : exitStatus.failed;
	}
	stderr.line(`The database refused or did not answer: ${messageOf(error)}`);
	return exitStatus.failed;
}
