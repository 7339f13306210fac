import type {
	SealedSettingsFailure,
	SealedSettingsOptions,
	SealedSettingsProgress,
} from '../../rotation/options.ts';
import { readInteger } from '../command.ts';
import { ProgressLine } from '../progress.ts';
import type { Terminal } from '../terminal.ts';

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

/** The options of a run, which tells of its progress and failures on the terminal, or as lines of JSON. */
export function runOptions(
	given: Given,
	terminal: Terminal,
): SealedSettingsOptions & { readonly line: ProgressLine } {
	const line = new ProgressLine(terminal.stderr);
	const json = given.json === true;
	return {
		line,
		connectionString: terminal.environment.DATABASE_URL,
		keys: terminal.environment.DESTINATIONS_ENCRYPTION_KEYS,
		organizationId: given.organization,
		batchSize: readInteger('batch', given.batch),
		signal: terminal.signal,
		onProgress(progress: SealedSettingsProgress) {
			if (json) writeJson(terminal, { event: 'progress', ...progress });
			else line.show(progress);
		},
		onFailure(failure: SealedSettingsFailure) {
			if (json) {
				writeJson(terminal, { event: 'failure', ...failure });
				return;
			}
			line.clear();
			terminal.stdout.write(`${failureText(failure)}\n`);
		},
	};
}

export function writeJson({ stdout }: Terminal, event: object): void {
	stdout.write(`${JSON.stringify(event)}\n`);
}

function failureText({ code, destinationId, version, organizationId }: SealedSettingsFailure) {
	const place = version === undefined ? '' : `, the settings that version ${version} had`;
	return `${code} destination ${destinationId} of organization ${organizationId}${place}`;
}
