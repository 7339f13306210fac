import { type RotateKeysResult, rotateKeys } from '../../rotation/rotate-keys.ts';
import { type Command, readOptions } from '../command.ts';
import { grouped } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { sealedSettingsOptions, tellRun } from './sealed-settings.ts';

const help = `Seals all settings with the primary key, the first of DESTINATIONS_ENCRYPTION_KEYS, that are not sealed
with it: those of soft-deleted destinations and of earlier versions too. Users notice nothing.

It can be stopped or killed at any moment and run again; services go on meanwhile.

Usage: consent-destinations rotate [options]

Options:
  --dry-run          Open and seal everything, write nothing.
  --organization ID  Only this organization.
  --from-plaintext   Encrypt settings that are not encrypted yet, too.
  --batch ROWS       Rows of one statement. Default: 250.
  --json             One JSON object a line: progress, failure, and at the end result.
  -h, --help         Print this.

Environment:
  DATABASE_URL                  A login that may switch to the role service_role.
  DESTINATIONS_ENCRYPTION_KEYS  id:hex,id:hex; the first seals, every one opens.

Exit status: 0 if all rows are on the primary key, 1 if some do not open or were held all the time,
2 if it could not begin, 130 if it was stopped by Ctrl-C after the batch under way.

Examples:
  # Retire the key 2025-11: give every service the new key behind the old, then before it, then
  DESTINATIONS_ENCRYPTION_KEYS="2026-11:$NEW,2025-11:$OLD" consent-destinations rotate --dry-run
  DESTINATIONS_ENCRYPTION_KEYS="2026-11:$NEW,2025-11:$OLD" consent-destinations rotate
  DESTINATIONS_ENCRYPTION_KEYS="2026-11:$NEW" consent-destinations verify

  # Encrypt what an older system left in plaintext, while clients read it with plaintext: 'allow-read'
  consent-destinations rotate --from-plaintext`;

export const rotate: Command = {
	name: 'rotate',
	summary: 'seal all settings with the primary key',
	help,
	async run(args, terminal) {
		const options = readOptions(args, {
			...sealedSettingsOptions,
			'dry-run': { type: 'boolean' },
			'from-plaintext': { type: 'boolean' },
		});
		const dryRun = options['dry-run'] === true;
		return tellRun(
			options,
			terminal,
			(shared) => rotateKeys({ ...shared, dryRun, fromPlaintext: options['from-plaintext'] }),
			(result) => print(result, dryRun, terminal),
			{ dryRun },
		);
	},
};

function print(
	{ rotated, busy, failed, stopped }: RotateKeysResult,
	dryRun: boolean,
	{ stdout }: Terminal,
): void {
	const what = dryRun ? 'would be sealed with the primary key' : 'sealed with the primary key';
	stdout.line(`${grouped(rotated)} rows ${what}.`);
	if (failed > 0) {
		stdout.line(
			`${grouped(failed)} rows did not open and stay as they are: see above. Keep the old keys until they are restored or deleted.`,
		);
	}
	if (busy > 0) {
		stdout.line(`${grouped(busy)} rows were held by others all the time. Run it again for them.`);
	}
	if (stopped) {
		stdout.line('Stopped. What is done stays done: run the same command again to go on.');
	}
}
