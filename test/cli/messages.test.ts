import manifest from '../../package.json' with { type: 'json' };
import { helpOf } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/commands.ts';
import { variables } from '../../src/cli/environment.ts';
import { takesValue } from '../../src/cli/option.ts';
import { newKey } from '../rotation/sealed-service.ts';
import { run } from './command-line.ts';

const valid = {
	DATABASE_URL: 'postgres://u:p@127.0.0.1:1/none',
	DESTINATIONS_ENCRYPTION_KEYS: `a:${newKey()}`,
};

/** What a command takes beside its options. */
const argumentsOf = ({ name, choices }: (typeof commands)[number]) => [
	name,
	...(choices?.of.slice(0, 1) ?? []),
	// It removes nothing that it was not told to.
	...(name === 'purge' ? ['--settings-keep', '1'] : []),
];

test.each(['--version', '-v'])('%s prints the version alone', async (option) => {
	expect(await run([option])).toEqual({ status: 0, stdout: `${manifest.version}\n`, stderr: '' });
});

describe.each(commands.map((command) => [command.name, command] as const))(
	'%s',
	(name, command) => {
		const values = Object.entries(command.options).filter(([, option]) => takesValue(option));

		test('its help has every option and every variable that it reads, and ends with 0', async () => {
			const { status, stdout } = await run([name, '--help']);
			expect(status).toBe(0);
			expect(stdout.trimEnd()).toBe(helpOf(command));
			for (const option of Object.keys(command.options)) expect(stdout).toContain(`  --${option}`);
			for (const variable of Object.keys(command.environment ?? {})) {
				expect(stdout).toContain(`\n  ${variable} `);
			}
			expect(stdout).toContain('Examples:');
		});

		if (values.length > 0) {
			test.each(values.map(([option]) => option))(
				'a wrong --%s is named, and nothing begins',
				async (option) => {
					const { status, stdout, stderr } = await run([...argumentsOf(command), `--${option}=`], {
						environment: valid,
					});
					expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
					expect(stderr).toMatch(
						new RegExp(
							`^--${option} must .*\\.\nSee \`consent-destinations ${name} --help\`\\.\n$`,
						),
					);
				},
			);
		}

		test('an option that it does not have is named, and so is a word too many', async () => {
			for (const word of ['--no-such-option', 'no-such-word']) {
				const { status, stdout, stderr } = await run([...argumentsOf(command), word], {
					environment: valid,
				});
				expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
				if (word.startsWith('--') || command.choices === undefined) expect(stderr).toContain(word);
			}
		});

		const used = variables.filter((variable) => command.environment?.[variable] !== undefined);
		if (used.length > 0) {
			test.each(used)('%s that cannot be read is named', async (variable) => {
				// The keys are compared with those in use, and that is a finding; a new key may be for a ring that is not valid.
				const mayBeWrong = name === 'doctor' || name === 'keygen';
				if (mayBeWrong && variable === 'DESTINATIONS_ENCRYPTION_KEYS') return;
				const environment = { ...valid, [variable]: 'no such thing' };
				const { status, stdout, stderr } = await run(argumentsOf(command), { environment });
				expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
				expect(stderr).toMatch(new RegExp(`^CONFIGURATION: ${variable}\\b`));
			});
		}

		const urls = used.filter((variable) => variable.startsWith('DATABASE_'));
		if (urls.length > 0) {
			test.each(urls)('%s with several hosts is said to have them', async (variable) => {
				for (const hosts of [
					'127.0.0.1:1,127.0.0.1:2',
					'127.0.0.1,localhost:1',
					'[::1]:1,[::1]:2',
				]) {
					const one = variable === 'DATABASE_URLS' ? { DATABASE_URL: '' } : {};
					const url = `postgres://u:s3cret@${hosts}/none`;
					const environment = { ...valid, ...one, [variable]: url };
					const { status, stdout, stderr } = await run(argumentsOf(command), { environment });
					expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
					expect(stderr).toMatch(
						new RegExp(`^CONFIGURATION: ${variable}: .* names several hosts, .* Name one host`),
					);
				}
			});
		}

		if (used.includes('DATABASE_URL') && name !== 'init') {
			test('a variable that is not set and has to be is named', async () => {
				const keyless = name === 'doctor' || name === 'purge';
				const needed = keyless ? ['DATABASE_URL'] : Object.keys(valid);
				for (const variable of needed) {
					const environment = { ...valid, [variable]: '' };
					const { status, stderr } = await run(argumentsOf(command), { environment });
					expect(status).toBe(2);
					expect(stderr).toMatch(
						new RegExp(`^CONFIGURATION: ${variable} is not set\\. Set it to `),
					);
				}
			});
		}
	},
);
