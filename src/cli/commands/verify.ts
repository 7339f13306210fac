import { counted } from '../../doctor/finding.ts';
import { type VerifySettingsResult, verifySettings } from '../../rotation/verify-settings.ts';
import { defineCommand } from '../command.ts';
import type { Terminal } from '../terminal.ts';
import { sealedSettingsEnvironment, sealedSettingsOptions, tellRun } from './sealed-settings.ts';

export const verify = defineCommand({
	name: 'verify',
	summary: 'decrypt all settings and report those that fail',
	description: `Decrypts all settings, including those of soft-deleted destinations and of earlier versions. Reports each row that does
not decrypt, by id and code, and counts rows by key id. It changes nothing.`,
	options: {
		'allow-plaintext': {
			help: 'Do not count settings in plaintext as failures, while you still encrypt them.',
		},
		...sealedSettingsOptions,
	},
	environment: sealedSettingsEnvironment,
	eachDatabase: { except: [] },
	statuses: '0 if all decrypt, 1 if not, 2 if it could not begin, 130 if it was stopped.',
	examples: `# Can the old key be retired? It can when no row is counted for it
consent-destinations verify

# The ids of all that fail
consent-destinations verify --json | jq -r 'select(.event == "failure").destinationId'`,
	async run(options, terminal) {
		const plaintext = options['allow-plaintext'] ? 'allow-read' : 'refuse';
		return tellRun(
			options,
			terminal,
			(shared) => verifySettings({ ...shared, plaintext }),
			(result) => print(result, terminal),
		);
	},
});

function print(
	{ checked, keys, plaintext, empty, failed, stopped }: VerifySettingsResult,
	{ stdout }: Terminal,
): void {
	for (const [id, count] of Object.entries(keys)) {
		stdout.line(`Key ${id} encrypted ${counted(count, 'row')}.`);
	}
	if (plaintext > 0) {
		const advice = 'see `consent-destinations rotate --from-plaintext`';
		stdout.line(`${counted(plaintext, 'row')} not encrypted: ${advice}.`);
	}
	if (empty > 0) stdout.line(`${counted(empty, 'row')} without settings.`);
	const end = stopped ? ' Stopped before the end: run it again for all rows.' : '';
	stdout.line(`${outcome(checked, failed)}${end}`);
}

function outcome(checked: number, failed: number): string {
	if (checked === 0) return 'There are no rows to check.';
	const rows = counted(checked, 'row');
	if (checked === 1)
		return `${rows} checked: it ${failed === 0 ? 'decrypts' : 'does not decrypt'}.`;
	if (failed === 0) return `${rows} checked: all of them decrypt.`;
	return `${rows} checked: ${checked === failed ? 'none of them decrypts' : `${counted(failed, 'row')} failed`}.`;
}
