import type {
	SealedSettingsFailure,
	SealedSettingsOptions,
	SealedSettingsProgress,
} from '../../rotation/options.ts';
import { readInteger } from '../command.ts';
import { ProgressLine } from '../progress.ts';
import { type ExitStatus, exitStatus, type Terminal } from '../terminal.ts';

/** Options of every command that goes through all settings. */
export const sealedSettingsOptions = {
	organization: { type: 'string' },
	batch: { type: 'string' },
	json: { type: 'boolean' },
} as const;

interface Given {
	readonly organization?: string | undefined;
	readonly batch?: string | undefined;
	readonly json?: boolean | undefined;
}

/** What both runs end with. */
interface Result {
	readonly failed: number;
	readonly failures: readonly SealedSettingsFailure[];
	/** Rows that were held by others all the time. */
	readonly busy?: number;
	readonly stopped: boolean;
}

/**
 * Runs with options that print progress and failures on the terminal, or as lines of JSON, and prints what came of
 * it.
 *
 * @param also what else the line of JSON about the result says.
 */
export async function tellRun<R extends Result>(
	given: Given,
	terminal: Terminal,
	run: (options: SealedSettingsOptions) => Promise<R>,
	print: (result: R) => void,
	also: object = {},
): Promise<ExitStatus> {
	const line = new ProgressLine(terminal.stderr);
	try {
		const result = await run(runOptions(given, terminal, line));
		line.end();
		const { failures: _, ...counts } = result;
		if (given.json) terminal.stdout.json({ event: 'result', ...also, ...counts });
		else print(result);
		if (result.stopped) return exitStatus.stopped;
		return result.failed + (result.busy ?? 0) > 0 ? exitStatus.failed : exitStatus.done;
	} finally {
		line.end();
	}
}

function runOptions(given: Given, terminal: Terminal, line: ProgressLine): SealedSettingsOptions {
	const json = given.json === true;
	return {
		connectionString: terminal.environment.DATABASE_URL,
		keys: terminal.environment.DESTINATIONS_ENCRYPTION_KEYS,
		organizationId: given.organization,
		batchSize: readInteger('batch', given.batch),
		signal: terminal.signal,
		onProgress(progress: SealedSettingsProgress) {
			if (json) terminal.stdout.json({ event: 'progress', ...progress });
			else line.show(progress);
		},
		onFailure(failure: SealedSettingsFailure) {
			if (json) {
				terminal.stdout.json({ event: 'failure', ...failure });
				return;
			}
			line.clear();
			terminal.stdout.line(failureText(failure));
		},
	};
}

function failureText({ code, destinationId, version, organizationId }: SealedSettingsFailure) {
	const place = version === undefined ? '' : `, the settings that version ${version} had`;
	return `${code} destination ${destinationId} of organization ${organizationId}${place}`;
}
