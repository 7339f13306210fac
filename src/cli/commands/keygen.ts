import { keyIdPattern, looksLikeKey } from '../../keys/key-provider.ts';
import { newKey } from '../../keys/new-key.ts';
import { type Command, readOptions, UsageError } from '../command.ts';
import { exitStatus } from '../terminal.ts';

const help = `Makes an encryption key and prints it as "id:hex", as it stands in DESTINATIONS_ENCRYPTION_KEYS.

Usage: consent-destinations keygen [options]

Options:
  --id ID     The id of the key. Default: today's year and month, such as 2026-11.
  --json      Print {"id": ..., "key": ...}.
  -h, --help  Print this.

Examples:
  # The first key
  export DESTINATIONS_ENCRYPTION_KEYS="$(consent-destinations keygen)"

  # A new one, that opens only until every service has it; then put it first and run \`rotate\`
  export DESTINATIONS_ENCRYPTION_KEYS="$DESTINATIONS_ENCRYPTION_KEYS,$(consent-destinations keygen --id 2027-01)"`;

export const keygen: Command = {
	name: 'keygen',
	summary: 'make an encryption key',
	help,
	async run(args, { stdout }) {
		const options = readOptions(args, { id: { type: 'string' }, json: { type: 'boolean' } });
		const { id: given } = options;
		if (given !== undefined && (!keyIdPattern.test(given) || looksLikeKey(given))) {
			throw new UsageError(
				'--id must have 1 to 64 letters, digits, dots, dashes and underscores, and not look like a key.',
			);
		}
		const made = newKey(given);
		const [id, key] = made.split(':');
		if (options.json) stdout.json({ id, key });
		else stdout.line(made);
		return exitStatus.done;
	},
};
