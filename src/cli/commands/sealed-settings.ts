import { counted } from '../../doctor/finding.ts';
import type { DestinationsErrorCode } from '../../errors.ts';
import type {
	SealedSettingsFailure,
	SealedSettingsOptions,
	SealedSettingsProgress,
} from '../../rotation/options.ts';
import { encryptionKeys, sealingKeys, serviceLogin, serviceUrl } from '../environment.ts';
import { batch, json, organization, type Values } from '../option.ts';
import { styled } from '../printer.ts';
import { ProgressLine } from '../progress.ts';
import { type ExitStatus, exitStatus, type Terminal } from '../terminal.ts';

/** Options of every command that goes through all settings. */
export const sealedSettingsOptions = {
	organization,
	batch,
	...json('One JSON object a line: progress, failure, and at the end result.'),
} as const;

/** What such a command reads of the environment. */
export const sealedSettingsEnvironment = {
	...serviceLogin,
	DESTINATIONS_ENCRYPTION_KEYS: sealingKeys,
} as const;

type Given = Values<typeof sealedSettingsOptions>;

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
	const failures = new Failures(terminal, line);
	try {
		const result = await run(runOptions(given, terminal, line, failures));
		line.end();
		const { failures: _, ...counts } = result;
		if (given.json) terminal.stdout.json({ event: 'result', ...also, ...counts });
		else {
			failures.sum();
			print(result);
		}
		if (result.stopped) return exitStatus.stopped;
		return result.failed + (result.busy ?? 0) > 0 ? exitStatus.failed : exitStatus.done;
	} finally {
		line.end();
	}
}

function runOptions(
	given: Given,
	{ stdout, environment, signal }: Terminal,
	line: ProgressLine,
	failures: Failures,
): SealedSettingsOptions {
	return {
		connectionString: serviceUrl(environment),
		keys: encryptionKeys(environment),
		organizationId: given.organization,
		batchSize: given.batch,
		signal,
		onProgress(progress: SealedSettingsProgress) {
			if (given.json) stdout.json({ event: 'progress', ...progress });
			else line.show(progress);
		},
		onFailure(failure: SealedSettingsFailure) {
			if (given.json) stdout.json({ event: 'failure', ...failure });
			else failures.add(failure);
		},
	};
}

/** How many rows are listed of one code: after a wrong key there may be millions, of which these say as much. */
const listedOfOneCode = 20;

/** What is to be done about rows that do not decrypt, by the code of their error. */
const advice: Readonly<Partial<Record<DestinationsErrorCode, string>>> = {
	UNKNOWN_KEY: 'DESTINATIONS_ENCRYPTION_KEYS lacks the key: add it, behind the first.',
	DECRYPTION_FAILED:
		'The settings are not encrypted, the key of their id is another one, or somebody changed them in the database.',
	KEY_UNAVAILABLE: 'The key is unavailable: try again when the key management service answers.',
};

/** The rows that do not decrypt: the first of each code one by one, and all of them by their number. */
class Failures {
	readonly #terminal: Terminal;
	readonly #line: ProgressLine;
	readonly #counts = new Map<DestinationsErrorCode, number>();

	constructor(terminal: Terminal, line: ProgressLine) {
		this.#terminal = terminal;
		this.#line = line;
	}

	add({ code, destinationId, version, organizationId }: SealedSettingsFailure): void {
		const count = (this.#counts.get(code) ?? 0) + 1;
		this.#counts.set(code, count);
		if (count > listedOfOneCode) return;
		const place = version === undefined ? '' : `, the settings that version ${version} had`;
		this.#line.clear();
		this.#terminal.stdout.line(
			styled('red', code),
			` destination ${destinationId} of organization ${organizationId}${place}`,
		);
	}

	sum(): void {
		for (const [code, count] of this.#counts) {
			const listed = count > listedOfOneCode ? ` --json lists all of them.` : '';
			this.#terminal.stdout.line(
				`${counted(count, 'row')} failed with ${code}.${listed} ${advice[code] ?? ''}`.trimEnd(),
			);
		}
	}
}
