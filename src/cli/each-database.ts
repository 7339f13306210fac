import { newClient } from '../database/database-address.ts';
import { counted } from '../doctor/finding.ts';
import { ConfigurationError } from '../errors.ts';
import type { Command } from './command.ts';
import { urlsOf, type Variable } from './environment.ts';
import { styled } from './printer.ts';
import { type ExitStatus, exitStatus, type Terminal } from './terminal.ts';
import { UsageError } from './usage-error.ts';

/** One of several databases: how it is called, and the environment of a run on it alone. */
interface OneOfSeveral {
	readonly place: string;
	readonly environment: Terminal['environment'];
}

/** One of them, after its run. */
interface Ended {
	readonly place: string;
	readonly status: ExitStatus;
}

/** Which variable names several databases instead of one. */
const several = {
	DATABASE_URL: 'DATABASE_URLS',
	DATABASE_SERVICE_URL: 'DATABASE_SERVICE_URLS',
	DATABASE_LOADER_URL: 'DATABASE_LOADER_URLS',
} as const satisfies Partial<Record<Variable, Variable>>;

/**
 * Runs a command: on its database, or on one of `DATABASE_URLS` after the other. What goes wrong on one is printed, and the
 * others are done all the same.
 *
 * @param report prints an error, and returns the exit status that it has.
 * @throws UsageError and ConfigurationError for what is wrong whatever the database.
 */
export async function runOnEach(
	command: Command,
	args: readonly string[],
	terminal: Terminal,
	report: (error: unknown, terminal: Terminal) => ExitStatus,
): Promise<ExitStatus> {
	const databases = command.eachDatabase ? databasesOf(command, terminal.environment) : [];
	if (databases.length === 0) return command.run(args, terminal);
	command.check(args);
	for (const option of command.eachDatabase?.except ?? []) {
		if (!args.includes(`--${option}`)) continue;
		throw new UsageError(`--${option} works on one database: set DATABASE_URL, not DATABASE_URLS.`);
	}
	const ended: Ended[] = [];
	for (const [at, { place, environment }] of databases.entries()) {
		const { stdout } = terminal;
		const one = { ...terminal, environment, stdout: stdout.of(place) };
		const heading = `Database ${place}, ${at + 1} of ${databases.length}`;
		if (!asJson(args)) {
			if (at > 0) stdout.line('');
			stdout.line(styled('bold', heading));
		}
		const status = await command.run(args, one).catch((error: unknown) => {
			if (error instanceof UsageError) throw error;
			return report(error, one);
		});
		ended.push({ place, status });
		if (status === exitStatus.stopped) break;
	}
	const failed = ended.filter(({ status }) => status !== exitStatus.done).map(({ place }) => place);
	const counts = { databases: databases.length, done: ended.length - failed.length };
	if (asJson(args)) terminal.stdout.json({ event: 'end', ...counts, failed });
	else terminal.stdout.line(summary(databases.length, ended));
	return statusOf(ended.map(({ status }) => status));
}

const asJson = (args: readonly string[]) => args.includes('--json');

/** A database that was checked and has failures is done, too: so those are counted that have problems. */
function summary(all: number, ended: readonly Ended[]): string {
	const placesWith = (...wanted: ExitStatus[]) =>
		ended.filter(({ status }) => wanted.includes(status)).map(({ place }) => place);
	const done = placesWith(exitStatus.done).length;
	const problems = placesWith(exitStatus.failed, exitStatus.usage);
	const [stopped] = placesWith(exitStatus.stopped);
	const of = (count: number) => `${count} of ${counted(all, 'database')}`;
	const one = problems.length === 1;
	const sentences: string[] = [];
	if (problems.length === 0) sentences.push(`${of(done)} ${done === 1 ? 'is' : 'are'} done.`);
	else {
		sentences.push(
			`${of(problems.length)} ${one ? 'has' : 'have'} problems: ${problems.join(', ')}.`,
		);
	}
	if (stopped !== undefined) {
		const left = all - ended.length;
		const rest = left === 0 ? '' : `; ${left} ${left === 1 ? 'was' : 'were'} not begun`;
		sentences.push(`Stopped at ${stopped}${rest}.`);
	}
	if (problems.length > 0) {
		const entry = one ? "this database's entry" : 'the entry of that database';
		sentences.push(`Where a message says DATABASE_URL, it means ${entry} in DATABASE_URLS.`);
	}
	return sentences.join(' ');
}

/** Stopped where one was; could not begin where none could. */
function statusOf(statuses: readonly ExitStatus[]): ExitStatus {
	if (statuses.includes(exitStatus.stopped)) return exitStatus.stopped;
	if (statuses.every((status) => status === exitStatus.done)) return exitStatus.done;
	const noneBegan = statuses.every((status) => status === exitStatus.usage);
	return noneBegan ? exitStatus.usage : exitStatus.failed;
}

/** None where the environment names one database, or none at all, which the command refuses. */
function databasesOf({ environment: read = {} }: Command, given: Terminal['environment']) {
	const urls = urlsOf(given, 'DATABASE_URLS');
	const lists = Object.entries(several)
		.filter(([, all]) => read[all] !== undefined)
		.map(([one, all]) => [one, all, urlsOf(given, all)] as const);
	if (urls.length === 0) return [];
	// The names of variables.
	const ofOne = [...Object.keys(several), 'DATABASE_REPLICA_URLS'] as Variable[];
	const set = ofOne.filter((variable) => given[variable] && read[variable] !== undefined);
	if (set.length > 0) {
		throw new ConfigurationError(
			`${set.join(', ')} ${set.length === 1 ? 'is' : 'are'} for one database, and DATABASE_URLS names several. Write \`env ${set.map((variable) => `-u ${variable}`).join(' ')}\` before the command to run it without, or unset DATABASE_URLS to run it on one database.`,
		);
	}
	for (const [, all, list] of lists) {
		if (list.length === 0 || list.length === urls.length) continue;
		throw new ConfigurationError(
			`${all} must have one URL for each of the ${urls.length} of DATABASE_URLS, in the same order, and has ${list.length}.`,
		);
	}
	return urls.map((connectionString, at): OneOfSeveral => {
		const { host, port, database } = newClient({ connectionString });
		const own = Object.fromEntries(lists.map(([one, , list]) => [one, list[at]]));
		return { place: `${host}:${port}/${database}`, environment: { ...given, ...own } };
	});
}
