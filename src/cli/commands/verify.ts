import { type VerifySettingsResult, verifySettings } from '../../rotation/verify-settings.ts';
import { type Command, readOptions } from '../command.ts';
import { grouped } from '../progress.ts';
import type { Terminal } from '../terminal.ts';
import { sealedSettingsOptions, tellRun } from './sealed-settings.ts';

const help = `Opens all settings, those of soft-deleted destinations and of earlier versions too. Reports each that does
not open, by id and code, and counts by key id. Changes nothing.

Usage: consent-destinations verify [options]

Options:
  --organization ID  Only this organization.
  --allow-plaintext  Settings that are not encrypted do not count as failures: a migration is under way.
  --batch ROWS       Rows of one page. Default: 250.
  --json             One JSON object a line: progress, failure, and at the end result.
  -h, --help         Print this.

Environment:
  DATABASE_URL                  A login that may switch to the role service_role.
  DESTINATIONS_ENCRYPTION_KEYS  id:hex,id:hex; the first seals, every one opens.

Exit status: 0 if all of them open, 1 if not, 2 if it could not begin, 130 if it was stopped.

Examples:
  # Can the old key be retired? No row counts under its id any more
  consent-destinations verify

  # The ids of all that fail
  consent-destinations verify --json | jq -r 'select(.event == "failure").destinationId'`;

export const verify: Command = {
	name: 'verify',
	summary: 'open all settings and report those that fail',
	help,
	async run(args, terminal) {
		const options = readOptions(args, {
			...sealedSettingsOptions,
			'allow-plaintext': { type: 'boolean' },
		});
		const plaintext = options['allow-plaintext'] ? 'allow-read' : 'refuse';
		return tellRun(
			options,
			terminal,
			(shared) => verifySettings({ ...shared, plaintext }),
			(result) => print(result, terminal),
		);
	},
};

function print(
	{ checked, keys, plaintext, empty, failed, stopped }: VerifySettingsResult,
	{ stdout }: Terminal,
): void {
	for (const [id, count] of Object.entries(keys)) stdout.line(`key ${id}: ${grouped(count)} rows`);
	if (plaintext > 0) stdout.line(`not encrypted: ${grouped(plaintext)} rows`);
	if (empty > 0) stdout.line(`without settings: ${grouped(empty)} rows`);
	const end = stopped ? 'Stopped before the end. Run it again for all rows.' : 'That is all.';
	stdout.line(`${grouped(checked)} rows checked, ${grouped(failed)} failed. ${end}`);
}
