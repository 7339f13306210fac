import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { insertSealedRows } from '../../bench/sealed-rows.ts';
import { Keyring } from '../../src/index.ts';
import { newKey, SealedService } from '../rotation/sealed-service.ts';
import { run } from './command-line.ts';

describe('help', () => {
	test('without a command is printed to stderr, and the status is 2', async () => {
		const { status, stderr } = await run([]);
		expect(status).toBe(2);
		expect(stderr).toMatch(/keygen[\s\S]+verify[\s\S]+rotate/);
	});

	test.each(['--help', '-h', 'help'])('%s lists the commands', async (flag) => {
		const { status, stdout } = await run([flag]);
		expect(status).toBe(0);
		expect(stdout).toMatch(/keygen[\s\S]+verify[\s\S]+rotate/);
	});

	test.each([
		['keygen', ['--id']],
		['verify', ['--organization', '--batch', '--json', '--allow-plaintext']],
		['rotate', ['--organization', '--batch', '--json', '--dry-run', '--from-plaintext']],
	])('%s --help names every option, and has examples', async (command, options) => {
		const { status, stdout } = await run([command, '--help']);
		expect(status).toBe(0);
		for (const option of options) expect(stdout).toContain(option);
		expect(stdout).toContain('Examples:');
	});
});

describe('wrong usage ends with 2 and says what is wrong', () => {
	test.each([
		[['rotat'], 'rotat'],
		[['rotate', '--dryrun'], '--dryrun'],
		[['rotate', 'everything'], 'everything'],
		[['rotate', '--batch', 'many'], '--batch'],
		[['rotate', '--batch', '0'], '--batch'],
		[['verify', '--organization', 'acme'], '--organization'],
		[['keygen', '--id', 'a b'], '--id'],
	])('%p', async (args, word) => {
		const environment = { DATABASE_URL: 'postgres://127.0.0.1:1/none', ...someKeys() };
		const { status, stderr, stdout } = await run(args, { environment });
		expect(status).toBe(2);
		expect(stderr).toContain(word);
		expect(stdout).toBe('');
	});

	test.each([
		[['rotate', '--dryrun'], "Unknown option '--dryrun'. Did you mean --dry-run?\n"],
		[['verify', '--jsn'], "Unknown option '--jsn'. Did you mean --json?\n"],
		[['verify', '--dry-run'], "Unknown option '--dry-run'.\n"],
	])('%p names the option that was meant, where one is close', async (args, words) => {
		const { status, stderr } = await run(args, { environment: someKeys() });
		expect([status, stderr.slice(0, words.length)]).toEqual([2, words]);
	});

	test('without keys asks for those that exist, before it makes a new one', async () => {
		const { stderr } = await run(['rotate'], {
			environment: { DATABASE_URL: 'postgres://127.0.0.1:1/none' },
		});
		expect(stderr).toMatch(
			/^CONFIGURATION: DESTINATIONS_ENCRYPTION_KEYS is not set\. Set it to the keys of the services, .* init` wrote the first into \.env.*new system.*keygen/,
		);
	});

	test('no keys, malformed keys, no database', async () => {
		const DATABASE_URL = 'postgres://127.0.0.1:1/none';
		const secret = newKey();
		const attempts = [
			[{ DATABASE_URL }, 'DESTINATIONS_ENCRYPTION_KEYS'],
			[{ DATABASE_URL, DESTINATIONS_ENCRYPTION_KEYS: `a:${secret}0` }, 'hex digits'],
			[someKeys(), 'DATABASE_URL'],
		] as const;
		for (const [environment, word] of attempts) {
			const { status, stderr } = await run(['verify'], { environment });
			expect(status).toBe(2);
			expect(stderr).toContain(word);
			expect(stderr).not.toContain(secret);
		}
	});
});

test('a database that does not answer ends with 1', async () => {
	const environment = { DATABASE_URL: 'postgres://u:pa55word@127.0.0.1:1/none', ...someKeys() };
	const { status, stderr } = await run(['verify'], { environment });
	expect(status).toBe(1);
	expect(stderr).toContain('ECONNREFUSED');
	expect(stderr).not.toContain('pa55word');
});

describe('keygen', () => {
	test('prints a key that the ring takes', async () => {
		const { status, stdout } = await run(['keygen', '--id', '2026-11']);
		expect(status).toBe(0);
		expect(new Keyring(stdout.trim()).keyIds).toEqual(['2026-11']);
	});

	test('prints another one each time, as JSON if told to', async () => {
		const [one, other] = [await run(['keygen', '--json']), await run(['keygen', '--json'])];
		const { id, key } = JSON.parse(one?.stdout ?? '');
		expect(id).toMatch(/^\d{4}-\d{2}$/);
		expect(key).toMatch(/^[0-9a-f]{64}$/);
		expect(JSON.parse(other?.stdout ?? '').key).not.toBe(key);
	});

	test('gives each key of a ring an id of its own', async () => {
		const ids: string[] = [];
		let ring = '';
		for (let count = 0; count < 4; count++) {
			const environment = { DESTINATIONS_ENCRYPTION_KEYS: ring };
			const { stdout } = await run(['keygen'], { environment });
			ring = [ring, stdout.trim()].filter(Boolean).join(',');
			ids.push(stdout.split(':')[0] ?? '');
		}
		expect(new Keyring(ring).keyIds).toEqual(ids);
		const today = new Date().toISOString().slice(0, 10);
		expect(ids).toEqual([today.slice(0, 7), today, `${today}-2`, `${today}-3`]);
		const { status, stderr } = await run(['keygen', '--id', today], {
			environment: { DESTINATIONS_ENCRYPTION_KEYS: ring },
		});
		expect(status).toBe(2);
		expect(stderr).toContain(`already has a key "${today}"`);
	});

	test('makes a key also where the ring cannot be read', async () => {
		const environment = { DESTINATIONS_ENCRYPTION_KEYS: 'changeme' };
		const { status, stdout } = await run(['keygen'], { environment });
		expect(status).toBe(0);
		expect(new Keyring(stdout.trim()).keyIds).toHaveLength(1);
	});
});

function someKeys() {
	return { DESTINATIONS_ENCRYPTION_KEYS: `test:${newKey()}` };
}

describe('on a database', () => {
	let sealed: SealedService;

	beforeEach(async () => {
		sealed = await SealedService.open();
	});
	afterEach(() => sealed.close());

	const surroundings = (keys = sealed.ring) => ({
		environment: {
			DATABASE_URL: sealed.connectionString,
			DESTINATIONS_ENCRYPTION_KEYS: keys,
		},
	});

	test('verify counts by key and ends with 0', async () => {
		await sealed.fill();
		const { status, stdout } = await run(['verify'], surroundings());
		expect(status).toBe(0);
		expect(stdout).toContain('Key old encrypted 4 rows.');
		expect(stdout).toContain('4 rows checked: all of them decrypt.');
	});

	test('verify names each row that fails, by id and code, and ends with 1', async () => {
		const { live } = await sealed.fill();
		const { status, stdout } = await run(['verify'], surroundings(sealed.newOnly));
		expect(status).toBe(1);
		expect(stdout).toContain(`UNKNOWN_KEY destination ${live}`);
		expect(stdout).toContain('4 rows failed with UNKNOWN_KEY.');
		expect(stdout).toMatch(/4 rows checked: none of them decrypts\.\n$/);
	});

	test('one row is spoken of as one', async () => {
		const organizationId = await sealed.service.createOrganization();
		await sealed.service.admin.query(
			`INSERT INTO destinations (organization_id, type, name, settings, settings_encrypted)
			 VALUES ($1, 'console', 'one', '{"logLevel": "debug"}', false)`,
			[organizationId],
		);
		await run(['rotate', '--from-plaintext'], surroundings(sealed.old));
		const well = await run(['verify'], surroundings());
		expect(well.stdout).toMatch(/\n1 row checked: it decrypts\.\n$/);
		// It takes some milliseconds.
		expect(well.stderr).toMatch(/100 % 1 of 1 row\b.*, \d+ ms in all\n$/);
		const failing = await run(['verify'], surroundings(sealed.newOnly));
		expect(failing.stdout).toMatch(/\n1 row checked: it does not decrypt\.\n$/);
		const rotated = await run(['rotate'], surroundings(sealed.newOnly));
		expect(rotated.stdout).toContain('1 row did not decrypt and stays unchanged');
		expect(rotated.stdout).toContain('until this row is restored or deleted.');
	});

	test('rotate rotates, tells how many, and leaves verify nothing to complain of', async () => {
		await sealed.fill();
		const dry = await run(['rotate', '--dry-run'], surroundings());
		expect(dry).toMatchObject({
			status: 0,
			stdout: '4 rows would be encrypted with the primary key.\n',
		});
		const { status, stdout } = await run(['rotate', '--batch', '2'], surroundings());
		expect({ status, stdout }).toEqual({
			status: 0,
			stdout: '4 rows encrypted with the primary key.\n',
		});
		expect(await run(['verify'], surroundings(sealed.newOnly))).toMatchObject({ status: 0 });
	});

	test('rotate ends with 1 where rows do not open', async () => {
		await sealed.fill();
		const { status, stdout } = await run(['rotate'], surroundings(sealed.newOnly));
		expect(status).toBe(1);
		expect(stdout).toContain('4 rows did not decrypt');
	});

	test('rotate --organization and --from-plaintext reach the rotation', async () => {
		const { organizationId } = await sealed.fill();
		const other = await sealed.service.createOrganization();
		await sealed.service.admin.query(
			`INSERT INTO destinations (organization_id, type, name, settings, settings_encrypted)
			 VALUES ($1, 'console', 'older', '{"logLevel": "debug"}', false)`,
			[other],
		);
		const one = await run(['rotate', '--organization', organizationId], surroundings());
		expect(one.stdout).toContain('4 rows encrypted');
		const plain = await run(['rotate', '--from-plaintext'], surroundings());
		expect(plain.stdout).toContain('1 row encrypted');
	});

	test('--json prints an object a line, the result last, and no progress elsewhere', async () => {
		const { live } = await sealed.fill();
		await sealed.tamper(
			`UPDATE destinations SET settings = jsonb_set(settings, '{ct}', '"AAAA"') WHERE id = $1`,
			[live],
		);
		const { status, stdout, stderr } = await run(['rotate', '--json'], surroundings());
		const events = stdout
			.trimEnd()
			.split('\n')
			.map((line) => JSON.parse(line));
		expect(status).toBe(1);
		expect(stderr).toBe('');
		expect(events[0]).toEqual({ event: 'progress', done: 0, total: 4, failed: 0 });
		expect(events).toContainEqual(
			expect.objectContaining({ event: 'failure', destinationId: live, code: 'DECRYPTION_FAILED' }),
		);
		expect(events.at(-1)).toEqual({
			event: 'result',
			dryRun: false,
			rotated: 3,
			busy: 0,
			failed: 1,
			stopped: false,
		});
	});

	test('on a terminal progress is one line, drawn anew; in a log it is plain lines', async () => {
		await sealed.fill();
		const control = '\u001b';
		const watched = await run(['rotate', '--dry-run', '--batch', '1'], {
			...surroundings(),
			isTTY: true,
		});
		expect(watched.stderr).toContain(`\r${control}[2K`);
		expect(watched.stderr).toMatch(/█+.* 100 % 4 of 4 rows.* rows\/s/);
		expect(watched.stderr.match(/\n/g)).toHaveLength(1);
		const logged = await run(['rotate', '--dry-run', '--batch', '1'], surroundings());
		expect(logged.stderr).not.toContain(control);
		expect(logged.stderr).toMatch(/^0 % 0 of 4 rows\n[\s\S]*100 % 4 of 4 rows.*\n$/);
	});

	test('the bar is taken away for a failure, and drawn again below it', async () => {
		await sealed.fill();
		const { stdout, stderr } = await run(['verify', '--batch', '1'], {
			...surroundings(sealed.newOnly),
			isTTY: true,
		});
		expect(stdout).not.toContain('\u001b');
		expect(stderr).toContain('failed');
	});

	test('Ctrl-C stops after the batch under way, says how to go on, and ends with 130', async () => {
		await insertSealedRows(sealed.service.admin, {
			count: 3000,
			key: Buffer.from(sealed.old.slice('old:'.length), 'hex'),
			keyId: 'old',
		});
		const child = spawn(
			process.execPath,
			[
				'--import',
				'tsx',
				join(process.cwd(), 'src/cli/bin.ts'),
				'rotate',
				'--batch',
				'20',
				'--json',
			],
			{ env: { ...process.env, ...surroundings().environment } },
		);
		let stdout = '';
		let stderr = '';
		child.stderr.on('data', (text) => {
			stderr += text;
		});
		let interrupted = false;
		child.stdout.on('data', (text) => {
			stdout += text;
			// The second line is the first batch. A second Ctrl-C would end the process at once.
			if (interrupted || stdout.split('\n').length < 3) return;
			interrupted = true;
			child.kill('SIGINT');
		});
		const [status] = await once(child, 'close');
		expect(stderr).toContain('Stopping after the batch under way');
		expect(status).toBe(130);
		const result = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
		expect(result).toMatchObject({ event: 'result', stopped: true, failed: 0 });
		expect(result.rotated % 20).toBe(0);
		expect(result.rotated).toBeLessThan(3000);

		const { stdout: rest } = await run(['rotate', '--json'], surroundings());
		expect(JSON.parse(rest.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
			rotated: 3000 - result.rotated,
			stopped: false,
		});
	});

	test('a stopped run tells on a terminal how to go on', async () => {
		for (let count = 0; count < 3; count += 1) await sealed.fill();
		const stop = new AbortController();
		const { status, stdout } = await run(['rotate', '--batch', '1'], {
			...surroundings(),
			signal: stop.signal,
			onStderr: () => stop.abort(),
		});
		expect(status).toBe(130);
		expect(stdout).toContain('run the same command again to continue');
	});
});
