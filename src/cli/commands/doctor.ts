import { diagnose, type Targets } from '../../doctor/diagnose.ts';
import { counted, type Finding, type Severity } from '../../doctor/finding.ts';
import { UnreachableError } from '../../doctor/read-only-session.ts';
import { adviceFor } from '../advice.ts';
import { defineCommand } from '../command.ts';
import { databaseUrl, optionalUrl, urlsOf, urlsOfShards } from '../environment.ts';
import { saidOnce } from '../findings.ts';
import { json } from '../option.ts';
import { styled } from '../printer.ts';
import { exitStatus, type Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

export const doctor = defineCommand({
	name: 'doctor',
	summary: 'check the database, the logins and the keys',
	description: `Compares the database with what this package needs: version, migrations, every table, index, constraint, trigger,
policy and grant, the rights of the logins, and the keys in use. It changes nothing.`,
	options: {
		sql: { help: 'Print only the fixes that are SQL, as one script to read and then to run.' },
		...json('One JSON object a line: finding, and at the end result.'),
	},
	environment: {
		DATABASE_URL: 'The login for tenants, or the only login.',
		DATABASE_URLS: urlsOfShards,
		DATABASE_SERVICE_URL: 'The login of asService(), if there are two. It counts the keys in use.',
		DATABASE_SERVICE_URLS: 'The same for DATABASE_URLS, in the same order.',
		DATABASE_LOADER_URL: 'The login of loaders, if there is one.',
		DATABASE_LOADER_URLS: 'The same for DATABASE_URLS, in the same order.',
		DATABASE_REPLICA_URLS: 'Replicas that clients read, if any, separated by spaces.',
		DESTINATIONS_ENCRYPTION_KEYS:
			'id:hex,id:hex. Optional. Without it, the keys in use are only counted.',
	},
	eachDatabase: { except: ['sql'] },
	statuses: '0 if there are no failures, 1 if there are failures, 2 if it could not begin.',
	examples: `# After each deployment, and each night
consent-destinations doctor

# The fixes: read them, then run them with the login that owns the tables
consent-destinations doctor --sql > fixes.sql
psql "$OWNER_URL" -v ON_ERROR_STOP=1 -f fixes.sql

# What fails, for a monitor
consent-destinations doctor --json | jq -r 'select(.severity == "failure").message'`,
	closing: '`consent-destinations verify` checks whether every row decrypts.',
	async run(options, terminal) {
		if (options.sql && options.json) throw new UsageError('--sql and --json exclude each other.');
		const { environment } = terminal;
		const urls = {
			connectionString: databaseUrl(environment),
			serviceConnectionString: optionalUrl(environment, 'DATABASE_SERVICE_URL'),
			loaderConnectionString: optionalUrl(environment, 'DATABASE_LOADER_URL'),
			replicas: urlsOf(environment, 'DATABASE_REPLICA_URLS'),
		};
		const form = options.json ? asJson(terminal) : options.sql ? asSql(terminal) : asText(terminal);
		try {
			const sections = await diagnose({
				...urls,
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
			terminal.stderr.line(`${error.message}.`);
			const advised = adviceFor(error.cause);
			if (advised !== undefined) terminal.stderr.line(styled('bold', 'fix:'), ` ${advised}`);
			return exitStatus.usage;
		}
	},
});

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
	onConnected(targets: Targets): void;
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

const marks = {
	ok: styled('green', '✓ ok       '),
	note: styled('dim', '· note     '),
	warning: styled('yellow', '! warning  '),
	failure: styled('red', '✗ failure  '),
} as const;
const indent = ' '.repeat(13);
/** Longer statements are shown by their beginning. */
const shownLines = 12;

function asText({ stdout }: Terminal): Form {
	return {
		onConnected({ tenant, service, loader }) {
			stdout.line(`Connected to ${tenant}${service === undefined ? '' : ', which serves tenants'}`);
			if (service !== undefined) stdout.line(`Connected to ${service}, which is the service`);
			if (loader !== undefined) stdout.line(`Connected to ${loader}, the login of loaders`);
		},
		onSection({ name, findings }) {
			if (findings.length === 0) return;
			stdout.line('');
			stdout.line(styled('bold', `${name[0]?.toUpperCase()}${name.slice(1)}`));
			for (const { severity, message, fix, sql } of saidOnce(findings)) {
				stdout.line('  ', marks[severity], message);
				if (fix !== undefined || sql !== undefined) {
					stdout.line(indent, styled('bold', 'fix:'), fix === undefined ? '' : ` ${fix}`);
				}
				if (sql !== undefined) for (const line of shorten(sql)) stdout.line(`${indent}  ${line}`);
			}
		},
		onEnd({ failures, warnings, notes }) {
			stdout.line('');
			const found = `${counted(failures, 'failure')}, ${counted(warnings, 'warning')}, ${counted(notes, 'note')}.`;
			stdout.line(`${found} ${verdict(failures, warnings)}`);
		},
	};
}

function verdict(failures: number, warnings: number): string {
	if (failures > 0) return 'Something does not work or does not protect: see the fixes above.';
	return warnings > 0 ? 'It works. Look at the warnings.' : 'No problems found.';
}

function asSql({ stdout }: Terminal): Form {
	return {
		onConnected: (targets) => {
			const all = Object.values(targets).filter((target) => target !== undefined);
			stdout.line(`-- Fixes for ${all.join(', ')}. Read each before you run it.`);
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
		`… ${lines.length - 3} more lines: \`consent-destinations doctor --sql\` prints them.`,
	];
}
