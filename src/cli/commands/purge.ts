import { counted, them } from '../../doctor/finding.ts';
import type {
	PurgeExpiredFailure,
	PurgeExpiredResult,
	PurgePart,
} from '../../retention/options.ts';
import { purgeExpired } from '../../retention/purge-expired.ts';
import { defineCommand } from '../command.ts';
import { serviceLogin, serviceUrl } from '../environment.ts';
import { batch, json, textOption, type ValueOption } from '../option.ts';
import { styled } from '../printer.ts';
import { ProgressLine } from '../progress.ts';
import { exitStatus, type Terminal } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

const dayMs = 86_400_000;
/** The database keeps entries that are younger. */
const shortestLogDays = 30;

/** An age in days: `90d`. */
function age(help: string, shortest = 0): ValueOption<Date> {
	return {
		value: 'AGE',
		help,
		read(text, option) {
			const [, days] = /^(\d{1,5})d$/.exec(text) ?? [];
			if (days !== undefined && Number(days) >= shortest) {
				return new Date(Date.now() - Number(days) * dayMs);
			}
			const least = shortest === 0 ? '' : `, ${shortest}d or more`;
			throw new UsageError(
				`${option} must be a number of days such as 90d${least}, and is "${text}".`,
			);
		},
	};
}

const keep: ValueOption<number> = {
	value: 'NUMBER',
	help: 'Keep at most this many earlier settings of each destination.',
	read(text, option) {
		if (/^\d{1,9}$/.test(text)) return Number(text);
		throw new UsageError(`${option} must be a whole number, and is "${text}".`);
	},
};

export const purge = defineCommand({
	name: 'purge',
	summary: 'remove old data permanently',
	description: `Removes old data of every organization permanently: soft-deleted destinations with their earlier settings, earlier
settings of other destinations, and entries of the audit log. It removes only what an option names.

You can stop or kill it at any moment and run it again. Services keep running. Each removal leaves an entry in the log:
who removed what and when, and for entries of the log how many and up to which.`,
	options: {
		'deleted-older-than': age(
			'Destinations that were soft-deleted longer ago than this, such as 90d.',
		),
		'settings-older-than': age('Earlier settings that were replaced longer ago than this.'),
		'settings-keep': keep,
		'log-older-than': age(
			'Entries of the audit log that are older than this, 30d or more.',
			shortestLogDays,
		),
		export: textOption(
			{
				value: 'FILE',
				isFile: true,
				help: 'Append the log to this file first, as JSON Lines; remove nothing that is not in it.',
			},
			(text) => text !== '',
			'be the name of a file',
		),
		'dry-run': { help: 'Count what would be removed; remove and export nothing.' },
		batch: {
			...batch,
			help: 'Rows in one transaction, 1 to 10,000. Default: 500, for the log 5,000.',
		},
		...json('One JSON object a line: progress, failure, and at the end result.'),
	},
	environment: serviceLogin,
	// A file holds the log of one database.
	eachDatabase: { except: ['export'] },
	statuses: `0 if everything was removed, 1 if the database refused to remove a destination,
2 if it could not begin, 130 if Ctrl-C stopped it after the current batch.`,
	examples: `# What would be removed
consent-destinations purge --deleted-older-than 90d --settings-keep 100 --log-older-than 400d --dry-run

# Each night
consent-destinations purge --deleted-older-than 90d --settings-keep 100

# Keep thirteen months of the log in the database, and all of it in a file
consent-destinations purge --log-older-than 400d --export /var/backups/destinations-audit.jsonl`,
	async run(options, terminal) {
		const bounds = {
			deletedOlderThan: options['deleted-older-than'],
			settingsOlderThan: options['settings-older-than'],
			settingsKeep: options['settings-keep'],
			logOlderThan: options['log-older-than'],
		};
		if (Object.values(bounds).every((bound) => bound === undefined)) {
			throw new UsageError(
				'Name what to remove: --deleted-older-than, --settings-older-than, --settings-keep or --log-older-than.',
			);
		}
		if (options.export !== undefined && bounds.logOlderThan === undefined) {
			throw new UsageError('--export needs --log-older-than.');
		}
		const dryRun = options['dry-run'];
		const { stdout, signal } = terminal;
		const lines = new PartLines(terminal);
		try {
			const result = await purgeExpired({
				...bounds,
				...{ dryRun, signal, exportTo: options.export, batchSize: options.batch },
				connectionString: serviceUrl(terminal.environment),
				onProgress({ part, done, total }) {
					if (options.json) stdout.json({ event: 'progress', part, done, total });
					else if (!dryRun) lines.show(part, done, total);
				},
				onFailure(failure) {
					if (options.json) stdout.json({ event: 'failure', ...failure });
					else lines.failed(failure);
				},
			});
			lines.end();
			if (options.json) stdout.json({ event: 'result', dryRun, ...result });
			else print(result, bounds, dryRun, terminal);
			if (result.stopped) return exitStatus.stopped;
			return result.failed > 0 ? exitStatus.failed : exitStatus.done;
		} finally {
			lines.end();
		}
	},
});

const partNames: Readonly<Record<PurgePart, string>> = {
	destinations: 'Destinations',
	settings: 'Earlier settings',
	export: 'Export of the log',
	log: 'The log',
};

/** A line of progress for each part. */
class PartLines {
	readonly #terminal: Terminal;
	#part: PurgePart | undefined;
	#line: ProgressLine | undefined;

	constructor(terminal: Terminal) {
		this.#terminal = terminal;
	}

	show(part: PurgePart, done: number, total: number): void {
		if (part !== this.#part) {
			this.end();
			this.#part = part;
			this.#line = new ProgressLine(this.#terminal.stderr);
			if (total > 0) this.#terminal.stderr.line(`${partNames[part]}: ${counted(total, 'row')}.`);
		}
		if (total > 0) this.#line?.show({ done, total, failed: 0 });
	}

	failed({ destinationId, organizationId, code, constraint }: PurgeExpiredFailure): void {
		this.#line?.clear();
		this.#terminal.stdout.line(
			styled('red', code),
			` destination ${destinationId} of organization ${organizationId}${constraint === undefined ? '' : `: ${constraint}`}`,
		);
	}

	end(): void {
		this.#line?.end();
	}
}

function print(
	{ destinations, settings, log, exported, failed, stopped }: PurgeExpiredResult,
	bounds: Readonly<Record<string, unknown>>,
	dryRun: boolean,
	{ stdout }: Terminal,
): void {
	const line = (count: number, what: string, verb: string) =>
		stdout.line(`${what} ${dryRun ? 'would be' : count === 1 ? 'was' : 'were'} ${verb}.`);
	if (bounds.deletedOlderThan !== undefined) {
		line(destinations, counted(destinations, 'destination'), 'purged');
	}
	if ((bounds.settingsOlderThan ?? bounds.settingsKeep) !== undefined) {
		line(settings, counted(settings, 'earlier setting'), 'deleted');
	}
	if (exported > 0) line(exported, counted(exported, 'entry', 'entries'), 'exported');
	if (bounds.logOlderThan !== undefined) {
		line(log, counted(log, 'entry', 'entries'), 'removed from the log');
	}
	if (failed > 0) {
		stdout.line(
			`The database refused to remove ${counted(failed, 'destination')}: see above. Something of your own refers to ${them(failed)}, or a trigger of yours forbids it.`,
		);
	}
	if (stopped) {
		stdout.line('Stopped. Finished work is kept: run the same command again to continue.');
	}
}
