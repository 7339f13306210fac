import { counted } from '../../doctor/finding.ts';
import { type RotateKeysResult, rotateKeys } from '../../rotation/rotate-keys.ts';
import { defineCommand } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { sealedSettingsEnvironment, sealedSettingsOptions, tellRun } from './sealed-settings.ts';

export const rotate = defineCommand({
	name: 'rotate',
	summary: 'seal all settings with the primary key',
	description: `Seals all settings with the primary key, the first of DESTINATIONS_ENCRYPTION_KEYS, that are not sealed
with it: those of soft-deleted destinations and of earlier versions too. Users notice nothing.

It can be stopped or killed at any moment and run again; services go on meanwhile.`,
	options: {
		'dry-run': { help: 'Open and seal everything, write nothing.' },
		'from-plaintext': { help: 'Encrypt settings that are not encrypted yet, too.' },
		...sealedSettingsOptions,
	},
	environment: sealedSettingsEnvironment,
	eachDatabase: { except: [] },
	statuses: `0 if all rows are on the primary key, 1 if some do not open or were held all the time,
2 if it could not begin, 130 if it was stopped by Ctrl-C after the batch under way.`,
	examples: `# Retire the key 2025-11: give every service the new key behind the old, then before it, then
DESTINATIONS_ENCRYPTION_KEYS="2026-11:$NEW,2025-11:$OLD" consent-destinations rotate --dry-run
DESTINATIONS_ENCRYPTION_KEYS="2026-11:$NEW,2025-11:$OLD" consent-destinations rotate
DESTINATIONS_ENCRYPTION_KEYS="2026-11:$NEW" consent-destinations verify

# Encrypt what an older system left in plaintext, while clients read it with plaintext: 'allow-read'
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
	const what = dryRun ? 'would be sealed with the primary key' : 'sealed with the primary key';
	stdout.line(`${counted(rotated, 'row')} ${what}.`);
	if (failed > 0) {
		stdout.line(
			`${counted(failed, 'row')} did not open and stay as they are: see above. Keep the old keys until they are restored or deleted.`,
		);
	}
	if (busy > 0) {
		stdout.line(`${counted(busy, 'row')} could not be locked. Run it again for them.`);
	}
	if (stopped) {
		stdout.line('Stopped. What is done stays done: run the same command again to go on.');
	}
}
