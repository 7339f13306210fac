import { keyIdPattern, looksLikeKey } from '../../keys/key-provider.ts';
import { newKey } from '../../keys/new-key.ts';
import { defineCommand } from '../command.ts';
import { json, textOption } from '../option.ts';
import { exitStatus } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

export const keygen = defineCommand({
	name: 'keygen',
	summary: 'create an encryption key',
	description:
		'Creates an encryption key and prints it as "id:hex", the form of DESTINATIONS_ENCRYPTION_KEYS.',
	options: {
		id: textOption(
			{
				value: 'ID',
				help: "The id of the key. Default: today's year and month, such as 2026-11, or the date where a key has that id.",
			},
			(id) => keyIdPattern.test(id) && !looksLikeKey(id),
			'have 1 to 64 letters, digits, dots, dashes and underscores, and not look like a key',
		),
		...json('Print {"id": ..., "key": ...}.'),
	},
	environment: {
		DESTINATIONS_ENCRYPTION_KEYS:
			'Optional: the keys that exist, whose ids the new key must not have.',
	},
	examples: `# The first key
export DESTINATIONS_ENCRYPTION_KEYS="$(consent-destinations keygen)"

# A new one, which only decrypts. When every service has it, put it first and run \`rotate\`
export DESTINATIONS_ENCRYPTION_KEYS="$DESTINATIONS_ENCRYPTION_KEYS,$(consent-destinations keygen)"`,
	async run(options, { stdout, environment }) {
		const made = newKey(unusedId(environment.DESTINATIONS_ENCRYPTION_KEYS, options.id));
		const [id, key] = made.split(':');
		if (options.json) stdout.json({ id, key });
		else stdout.line(made);
		return exitStatus.done;
	},
});

/** An id that no key has yet, or the one that is wanted. @throws UsageError where a key has that. */
function unusedId(ring: string | undefined, wanted: string | undefined): string {
	// A ring that cannot be read is not refused: the key may be made to replace it.
	const used = new Set((ring ?? '').split(',').map((entry) => entry.split(':')[0]?.trim()));
	if (wanted !== undefined) {
		if (!used.has(wanted)) return wanted;
		throw new UsageError(
			`--id: DESTINATIONS_ENCRYPTION_KEYS already has a key "${wanted}". Choose another id.`,
		);
	}
	const today = new Date().toISOString().slice(0, 10);
	const later = Array.from(used, (_, count) => `${today}-${count + 2}`);
	// One more than there are keys.
	const ids = [today.slice(0, 7), today, ...later];
	return ids.find((id) => !used.has(id)) ?? today;
}
