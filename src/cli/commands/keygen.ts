import { keyIdPattern, looksLikeKey } from '../../keys/key-provider.ts';
import { newKey } from '../../keys/new-key.ts';
import { defineCommand } from '../command.ts';
import { json, textOption } from '../option.ts';
import { exitStatus } from '../terminal.ts';

export const keygen = defineCommand({
	name: 'keygen',
	summary: 'create an encryption key',
	description:
		'Creates an encryption key and prints it as "id:hex", the form of DESTINATIONS_ENCRYPTION_KEYS.',
	options: {
		id: textOption(
			{
				value: 'ID',
				help: "The id of the key. Default: today's year and month, such as 2026-11.",
			},
			(id) => keyIdPattern.test(id) && !looksLikeKey(id),
			'have 1 to 64 letters, digits, dots, dashes and underscores, and not look like a key',
		),
		...json('Print {"id": ..., "key": ...}.'),
	},
	examples: `# The first key
export DESTINATIONS_ENCRYPTION_KEYS="$(consent-destinations keygen)"

# A new one, which only decrypts. When every service has it, put it first and run \`rotate\`
export DESTINATIONS_ENCRYPTION_KEYS="$DESTINATIONS_ENCRYPTION_KEYS,$(consent-destinations keygen --id 2027-01)"`,
	async run(options, { stdout }) {
		const made = newKey(options.id);
		const [id, key] = made.split(':');
		if (options.json) stdout.json({ id, key });
		else stdout.line(made);
		return exitStatus.done;
	},
});
