import { diagnose } from '../../doctor/diagnose.ts';
import { counted, type Finding, type Severity } from '../../doctor/finding.ts';
import { UnreachableError } from '../../doctor/read-only-session.ts';
import { type Command, readOptions, UsageError } from '../command.ts';
import { exitStatus, type Terminal } from '../terminal.ts';

const help = `Looks whether the database is as this package needs it: version, migrations, every table, index, constraint,
trigger, policy and grant, what the logins may do, and the keys in use. Changes nothing.

Usage: consent-destinations doctor [options]

Options:
  --sql       Print only the fixes that are SQL, as one script to read and then to run.
  --json      One JSON object a line: finding, and at the end result.
  -h, --help  Print this.

Environment:
  DATABASE_URL                  The login that serves tenants, or that serves both.
  DATABASE_SERVICE_URL          The login of asService(), where there are two. Needed to count keys then.
  DATABASE_LOADER_URL           The login of loaders, where there are any.
  DATABASE_REPLICA_URLS         Replicas that clients read, if any, with spaces between.
  DESTINATIONS_ENCRYPTION_KEYS  id:hex,id:hex. Optional: without it keys are counted and not compared.

Exit status: 0 if all is well or there are only warnings, 1 if there are failures, 2 if it could not begin.

Examples:
  # After a deployment, and at 3 a.m.
  consent-destinations doctor

  # The fixes: read them, then run them with the login that owns the tables
  consent-destinations doctor --sql > fixes.sql
  psql "$OWNER_URL" -v ON_ERROR_STOP=1 -f fixes.sql

  # What fails, for a monitor
  consent-destinations doctor --json | jq -r 'select(.severity == "failure").message'

\`consent-destinations verify\` says whether each row opens.`;

export const doctor: Command = {
	name: 'doctor',
	summary: 'look whether database, logins and keys are as they should be',
	help,
	async run(args, terminal) {
		const options = readOptions(args, { sql: { type: 'boolean' }, json: { type: 'boolean' } });
		if (options.sql && options.json) throw new UsageError('--sql and --json exclude each other.');
		const { environment } = terminal;
		const form = options.json ? asJson(terminal) : options.sql ? asSql(terminal) : asText(terminal);
		try {
			const sections = await diagnose({
				connectionString: environment.DATABASE_URL,
				serviceConnectionString: environment.DATABASE_SERVICE_URL || undefined,
				loaderConnectionString: environment.DATABASE_LOADER_URL || undefined,
				replicas: (environment.DATABASE_REPLICA_URLS ?? '').split(/\s+/).filter(Boolean),
				keys: environment.DESTINATIONS_ENCRYPTION_KEYS,
				...form,
			});
			const findings = sections.flatMap((section) => section.findings);
			const count = (severity: Severity) =>
				findings.filter((finding) => finding.severity === severity).length;
			form.onEnd({
				ok: count('ok'),
				notes: count('note'),
				warnings: count('warning'),
				failures: count('failure'),
			});
			return count('failure') > 0 ? exitStatus.failed : exitStatus.done;
		} catch (error) {
			if (!(error instanceof UnreachableError)) throw error;
			terminal.stderr.line(error.message);
			const advised = adviceFor(error.cause);
			if (advised !== undefined) terminal.stderr.line(`fix: ${advised}`);
			return exitStatus.usage;
		}
	},
};

interface Counts {
	readonly ok: number;
	readonly notes: number;
	readonly warnings: number;
	readonly failures: number;
}

interface Part {
	readonly name: string;
	readonly findings: readonly Finding[];
}

/** What is printed of a diagnosis as it goes on. */
interface Form {
	onConnected(targets: readonly string[]): void;
	onSection(section: Part): void;
	onEnd(counts: Counts): void;
}

function asJson(terminal: Terminal): Form {
	return {
		onConnected() {},
		onSection({ name, findings }) {
			for (const finding of findings) {
				terminal.stdout.json({ event: 'finding', section: name, ...finding });
			}
		},
		onEnd: (counts) => terminal.stdout.json({ event: 'result', ...counts }),
	};
}

const marks = { ok: '✓ ok', note: '· note', warning: '! warning', failure: '✗ failure' } as const;
const indent = ' '.repeat(13);
/** Longer statements are shown by their beginning. */
const shownLines = 12;

function asText({ stdout }: Terminal): Form {
	return {
		onConnected(targets) {
			const [tenant, service] = targets;
			stdout.line(`Connected to ${tenant}${service === undefined ? '' : ', which serves tenants'}`);
			if (service !== undefined) stdout.line(`Connected to ${service}, which is the service`);
		},
		onSection({ name, findings }) {
			if (findings.length === 0) return;
			stdout.lines(`\n${name[0]?.toUpperCase()}${name.slice(1)}`);
			for (const { severity, message, fix, sql } of findings) {
				stdout.line(`  ${marks[severity].padEnd(11)}${message}`);
				if (fix !== undefined || sql !== undefined) {
					stdout.line(`${indent}fix: ${fix ?? ''}`.trimEnd());
				}
				if (sql !== undefined) for (const line of shorten(sql)) stdout.line(`${indent}  ${line}`);
			}
		},
		onEnd({ failures, warnings, notes }) {
			stdout.lines(
				`\n${counted(failures, 'failure')}, ${counted(warnings, 'warning')}, ${counted(notes, 'note')}.`,
			);
		},
	};
}

function asSql({ stdout }: Terminal): Form {
	return {
		onConnected: (targets) => {
			stdout.line(`-- Fixes for ${targets.join(', ')}. Read each before you run it.`);
		},
		onSection({ findings }) {
			for (const { severity, message, fix, sql } of findings) {
				if (severity === 'ok') continue;
				stdout.line('');
				stdout.line(`-- ${severity}: ${message}`);
				if (fix !== undefined) stdout.line(`-- ${fix}`);
				if (sql !== undefined) stdout.lines(sql);
			}
		},
		onEnd() {},
	};
}

function shorten(sql: string): string[] {
	const lines = sql.split('\n');
	if (lines.length <= shownLines) return lines;
	return [
		...lines.slice(0, 3),
		`… ${lines.length - 3} more lines: consent-destinations doctor --sql prints them`,
	];
}

/** What to do where no session begins, by Postgres's SQLSTATE or the system's code. */
const advice: Readonly<Record<string, string>> = {
	'28P01':
		'Correct user and password in the URL; characters other than letters and digits are percent-encoded there.',
	'28000':
		'The server lets this user in from nowhere, or not without TLS: see its pg_hba.conf, and sslmode in the URL.',
	'3D000': 'Correct the name of the database in the URL, or create it.',
	'42501': 'Let the login in: GRANT CONNECT ON DATABASE ... TO the login.',
	'53300': 'The server takes no more connections: close some, or raise max_connections.',
	'57P03': 'The server is starting or stopping: wait and try again.',
	ECONNREFUSED: 'Nothing listens there: start Postgres, or correct host and port in the URL.',
	ENOTFOUND: 'The name of the host is not known here: correct it in the URL.',
	EAI_AGAIN: 'The name of the host is not known now: see whether name resolution works.',
	ETIMEDOUT: 'Nothing answers: see whether a firewall or VPN stands between.',
};

function adviceFor(cause: unknown): string | undefined {
	// A host with several addresses fails with one error for each.
	const error: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
	const code =
		typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
	return advice[code] ?? (code === '' ? advice.ETIMEDOUT : undefined);
}
