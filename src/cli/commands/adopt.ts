import { type Adopted, adopt as adoptTable } from '../../adoption/adopt.ts';
import type { Found } from '../../adoption/inspect.ts';
import type { AdoptionGoal } from '../../adoption/options.ts';
import { counted } from '../../doctor/finding.ts';
import { defineCommand } from '../command.ts';
import { databaseUrl, encryptionKeys, sealingKeys } from '../environment.ts';
import { batch, json } from '../option.ts';
import { grouped, ProgressLine } from '../progress.ts';
import { type ExitStatus, exitStatus, type Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

export const adopt = defineCommand({
	name: 'adopt',
	summary: 'convert a table destinations that was created by hand',
	description: `Makes a table public.destinations that was created by hand into this package's own:
where \`prisma migrate deploy\` says 42P07, relation "destinations" already exists.

Without --apply it reads everything, prints what would change and which rows do not fit, and changes nothing.
With --apply it creates and fills new tables beside the old one, which stays in use. Then one transaction of some
milliseconds replaces the old table. You can stop or kill it at any moment and run it again.`,
	options: {
		prepare: { help: 'Do everything except the last transaction.' },
		apply: { help: 'Do everything. Afterwards, SQL of the old application finds no rows.' },
		batch,
		...json('One JSON object a line: found, step, progress, unfit, and at the end result.'),
	},
	environment: {
		DATABASE_URL: 'The login that owns the table, and can create schemas and roles.',
		DESTINATIONS_ENCRYPTION_KEYS: sealingKeys,
		DESTINATIONS_FORMER_KEY:
			'64 hex digits: the key of settings that are encrypted as { encrypted, iv, tag }.',
	},
	statuses: `0 if it is done, or can be done; 1 if a problem must be solved first; 2 if it could not begin;
130 if Ctrl-C stopped it after the current transaction.`,
	examples: `# What exists, what would change, and which rows do not fit
consent-destinations adopt

# Copy for an hour while the old application runs; then replace the application and move the tables
consent-destinations adopt --prepare
consent-destinations adopt --apply`,
	closing: 'Afterwards, run `consent-destinations doctor` and `consent-destinations verify`.',
	async run(options, terminal) {
		if (options.prepare && options.apply) {
			throw new UsageError('--prepare and --apply exclude each other.');
		}
		const goal = options.apply ? 'apply' : options.prepare ? 'prepare' : 'look';
		const { environment } = terminal;
		const connectionString = databaseUrl(environment);
		const keys = encryptionKeys(environment);
		const { onEnd, onResult, ...heard } = options.json ? asJson(terminal) : asText(terminal, goal);
		const result = await adoptTable({
			connectionString,
			keys,
			formerKey: environment.DESTINATIONS_FORMER_KEY || undefined,
			goal,
			batchSize: options.batch,
			signal: terminal.signal,
			...heard,
		}).finally(onEnd);
		onResult(result);
		return statusOf(result);
	},
});

function statusOf({ outcome }: Adopted): ExitStatus {
	if (outcome === 'stopped') return exitStatus.stopped;
	return outcome === 'refused' || outcome === 'absent' ? exitStatus.failed : exitStatus.done;
}

interface Form {
	onFound(found: Found): void;
	onStep(step: string): void;
	onProgress(progress: { done: number; total: number; failed: number }): void;
	onUnfit(row: { destinationId: string; organizationId: string; reason: string }): void;
	onEnd(): void;
	onResult(result: Adopted): void;
}

function asJson({ stdout }: Terminal): Form {
	return {
		onFound: (found) => stdout.json({ event: 'found', ...found }),
		onStep: (step) => stdout.json({ event: 'step', step }),
		onProgress: (progress) => stdout.json({ event: 'progress', ...progress }),
		onUnfit: (row) => stdout.json({ event: 'unfit', ...row }),
		onEnd() {},
		onResult: (result) => stdout.json({ event: 'result', ...result }),
	};
}

function asText({ stdout, stderr }: Terminal, goal: AdoptionGoal): Form {
	const line = new ProgressLine(stderr);
	return {
		onFound: (found) => tellFound(found, stdout),
		onStep(step) {
			line.end();
			stdout.line(`- ${step}`);
		},
		onProgress: (progress) => line.show(progress),
		onUnfit({ destinationId, organizationId, reason }) {
			line.clear();
			stdout.line(`  destination ${destinationId} of organization ${organizationId}: ${reason}`);
		},
		onEnd: () => line.end(),
		onResult: (result) => tellResult(result, goal, stdout),
	};
}

function tellFound(found: Found, stdout: Terminal['stdout']): void {
	const { table, underWay, rows, goes, referring, obstacles } = found;
	if (table === 'absent' || (table === 'own' && !underWay)) return;
	if (table !== 'former') {
		stdout.line('The new tables are in use. The old ones still exist.');
		return;
	}
	stdout.line('public.destinations was made by no migration of this package.');
	if (obstacles.length === 0) stdout.line(`It has ${counted(rows, 'row')}.`);
	if (underWay) stdout.line('An adoption has begun, and continues where it stopped.');
	stdout.line(
		'It will have the columns, constraints, indexes, triggers, policies and grants of the migrations,',
	);
	stdout.line(
		'settings that are encrypted with the primary key, version 1 and an entry in the log for each row.',
	);
	if (goes.length > 0) stdout.line(`Dropped with the old table: ${goes.join(', ')}.`);
	for (const { table: other, name } of referring) {
		stdout.line(`The foreign key ${name} of ${other} will refer to the new table.`);
	}
	for (const obstacle of obstacles) stdout.line(`It cannot be adopted yet. ${obstacle}`);
}

function tellResult(result: Adopted, goal: AdoptionGoal, stdout: Terminal['stdout']): void {
	const { outcome, rows, unfit, lockedSeconds } = result;
	const { plaintext, sealed, empty } = rows;
	if (plaintext + sealed + empty > 0) {
		stdout.line(
			`Rows with settings in plaintext: ${grouped(plaintext)}, encrypted: ${grouped(sealed)}, without settings: ${grouped(empty)}.`,
		);
	}
	if (unfit > 0) stdout.line(`Rows that do not fit: ${grouped(unfit)}. They are listed above.`);
	if (lockedSeconds !== undefined) {
		stdout.line(`Nobody else could use the table for ${Math.ceil(lockedSeconds * 1000)} ms.`);
	}
	stdout.line(endings[outcome]);
	if (outcome === 'refused' && goal === 'look') stdout.line('Nothing was changed.');
}

const endings: Readonly<Record<Adopted['outcome'], string>> = {
	absent: 'There is no table public.destinations: npx prisma migrate deploy creates it.',
	own: "public.destinations is this package's own already. There is nothing to do.",
	possible: 'It can be adopted. Nothing was changed: run it with --apply.',
	refused: 'Solve the problems above, and run it again. The table is unchanged.',
	prepared: 'Everything is prepared. --apply copies what has changed since, and moves the tables.',
	adopted: 'Adopted. Now run consent-destinations doctor and consent-destinations verify.',
	stopped: 'Stopped. Finished work is kept: run the same command again to continue.',
};
