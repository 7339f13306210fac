import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a command printed. */
interface Printed {
	readonly stdout: string;
	readonly stderr: string;
}

const sources = [
	'rotation/options.ts',
	'rotation/rotate-keys.ts',
	'rotation/verify-settings.ts',
	'adoption/options.ts',
	'doctor/diagnose.ts',
	'client/database.ts',
	'retention/options.ts',
].map((file) => readFileSync(join(__dirname, '../../src', file), 'utf8'));

/**
 * What code calls options and functions, such as `batchSize`, `pool` or `rotateKeys()`: whoever types a command knows its own
 * options and variables. `asService()` and `plaintext` are for those who look after a service.
 */
const codeWord = new RegExp(
	[
		...new Set(
			[...sources.join('\n').matchAll(/^\t(?:readonly )?(\w+)\?: /gm)].map(([, name = '']) =>
				/[A-Z]/.test(name) ? `\\b${name}\\b` : `\`${name}\\b`,
			),
		),
		'\\b(?:rotateKeys|verifySettings|purgeExpired|diagnose|adopt|createDestinationsClient)\\(\\)',
	].join('|'),
	'g',
);

/** What a program reads in the place of somebody: JSON, SQL, a key, a version, a script. */
const forPrograms = /^(--version|-v|keygen|completion)$|^--(json|sql|show-secrets)$/;

/** What is wrong with how a command speaks. */
export function mannersOf(args: readonly string[], { stdout, stderr }: Printed): string[] {
	const help = args.length === 0 || args.some((arg) => ['--help', '-h', 'help'].includes(arg));
	const forProgram = args.some((arg) => forPrograms.test(arg));
	// Its help is for those who write services, too.
	const messages = help ? '' : `${forProgram ? '' : stdout}\n${stderr}`;
	return [
		// Names that tests gave to what is in the database.
		...[...messages.replace(/\S*FORGED\S*/g, '').matchAll(codeWord)].map(
			([word]) => `code: ${word}`,
		),
		...[forProgram || help ? '' : lastLine(stdout), help ? '' : lastLine(stderr)]
			.filter((line) => line !== '' && !/[.!?]$|% \d.* of \d+ rows?\b/.test(line))
			.map((line) => `no sentence: ${line}`),
	];
}

function lastLine(text: string): string {
	return (
		text
			.trimEnd()
			.split(/[\n\r]/)
			.at(-1)
			?.trim() ?? ''
	);
}
