import { counted, them } from '../../doctor/finding.ts';
import { type RotateKeysResult, rotateKeys } from '../../rotation/rotate-keys.ts';
import { defineCommand } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { sealedSettingsEnvironment, sealedSettingsOptions, tellRun } from './sealed-settings.ts';

export const rotate = defineCommand({
	name: 'rotate',
	summary: 'encrypt all settings with the primary key',
	description: `Encrypts with the primary key, the first of DESTINATIONS_ENCRYPTION_KEYS, all settings that another key encrypted,
including those of soft-deleted destinations and of earlier versions. Users see no change.

You can stop or kill it at any moment and run it again. Services keep running.`,
	options: {
		'dry-run': { help: 'Decrypt and encrypt everything, and write nothing.' },
		'from-plaintext': { help: 'Also encrypt settings that are in plaintext.' },
		...sealedSettingsOptions,
	},
	environment: sealedSettingsEnvironment,
	eachDatabase: { except: [] },
	statuses: `0 if the primary key encrypts all rows, 1 if some do not decrypt or stayed locked,
2 if it could not begin, 130 if Ctrl-C stopped it after the current batch.`,
	examples: `# Retire the key 2025-11, once every service has both keys, the new one first
DESTINATIONS_ENCRYPTION_KEYS="2026-11:$NEW,2025-11:$OLD" consent-destinations rotate --dry-run
DESTINATIONS_ENCRYPTION_KEYS="2026-11:$NEW,2025-11:$OLD" consent-destinations rotate
DESTINATIONS_ENCRYPTION_KEYS="2026-11:$NEW" consent-destinations verify

# Encrypt the plaintext of an older system, while clients read it with plaintext: 'allow-read'
consent-destinations rotate --from-plaintext`,
	async run(options, terminal) {
		const dryRun = options['dry-run'];
		return tellRun(
			options,
			terminal,
			(shared) => rotateKeys({ ...shared, dryRun, fromPlaintext: options['from-plaintext'] }),
			(result) => print(result, dryRun, terminal),
			{ dryRun },
		);
	},
});

function print(
	{ rotated, busy, failed, stopped }: RotateKeysResult,
	dryRun: boolean,
	{ stdout }: Terminal,
): void {
	const what = dryRun
		? 'would be encrypted with the primary key'
		: 'encrypted with the primary key';
	stdout.line(`${counted(rotated, 'row')} ${what}.`);
	if (failed > 0) {
		stdout.line(
			`${counted(failed, 'row')} did not decrypt and ${failed === 1 ? 'stays' : 'stay'} unchanged: see above. Keep the old keys until ${failed === 1 ? 'this row is' : 'these rows are'} restored or deleted.`,
		);
	}
	if (busy > 0) {
		stdout.line(
			`${counted(busy, 'row')} could not be locked. Run the command again for ${them(busy)}.`,
		);
	}
	if (stopped) {
		stdout.line('Stopped. Finished work is kept: run the same command again to continue.');
	}
}
