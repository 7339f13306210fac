import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commands } from '../../src/cli/commands.ts';
import type { Variable } from '../../src/cli/environment.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { FormerDatabase } from '../adoption/former-table.ts';
import { newName } from '../packaging/migrating.ts';
import { newKey } from '../rotation/sealed-service.ts';
import { type Service, startService } from '../support/service.ts';
import { run } from './command-line.ts';

/** A login of a service. */
type Login = 'tenant' | 'service' | 'loader';

/** For each command that connects: which logins cannot do its work, and the variable that the right one belongs in. */
const wrong: Readonly<Record<string, readonly (readonly [Variable, Login, Variable])[]>> = {
	init: [
		['DATABASE_URL', 'tenant', 'DATABASE_URL'],
		['DATABASE_URL', 'service', 'DATABASE_URL'],
		['DATABASE_URL', 'loader', 'DATABASE_URL'],
	],
	doctor: [
		['DATABASE_URL', 'tenant', 'DATABASE_SERVICE_URL'],
		['DATABASE_URL', 'service', 'DATABASE_URL'],
		['DATABASE_URL', 'loader', 'DATABASE_URL'],
		['DATABASE_SERVICE_URL', 'tenant', 'DATABASE_SERVICE_URL'],
		['DATABASE_SERVICE_URL', 'loader', 'DATABASE_SERVICE_URL'],
		['DATABASE_LOADER_URL', 'tenant', 'DATABASE_LOADER_URL'],
		['DATABASE_LOADER_URL', 'service', 'DATABASE_LOADER_URL'],
	],
	...Object.fromEntries(
		['verify', 'rotate', 'purge'].map((name) => [
			name,
			[
				['DATABASE_URL', 'tenant', 'DATABASE_SERVICE_URL'],
				['DATABASE_URL', 'loader', 'DATABASE_SERVICE_URL'],
				['DATABASE_SERVICE_URL', 'tenant', 'DATABASE_SERVICE_URL'],
				['DATABASE_SERVICE_URL', 'loader', 'DATABASE_SERVICE_URL'],
			] as const,
		]),
	),
	// Its table is one that no migration made: see the last test.
	adopt: [],
};

let service: Service;
let folder: string;

beforeAll(async () => {
	service = await startService();
	folder = await mkdtemp(join(tmpdir(), 'wrong-login-'));
	await writeFile(join(folder, '.env'), '');
});
afterAll(async () => {
	await service.stop();
	await rm(folder, { recursive: true });
});

const urlOf = (login: Login) =>
	({
		tenant: service.logins.connectionString,
		service: service.logins.serviceConnectionString,
		loader: service.logins.loaderConnectionString,
	})[login];

const cases = Object.entries(wrong).flatMap(([name, logins]) =>
	logins.map(([variable, login, right]) => ({ name, variable, login, right })),
);

test('each command that connects is tried', () => {
	const connecting = commands.filter(({ environment }) => environment?.DATABASE_URL !== undefined);
	expect(Object.keys(wrong).sort()).toEqual(connecting.map(({ name }) => name).sort());
});

test.each(cases)(
	'$name with the $login login in $variable says that $right is to be set',
	async ({ name, variable, login, right }) => {
		const { stdout, stderr } = await run(
			[name, ...(name === 'purge' ? ['--settings-keep', '1'] : [])],
			{
				folder,
				environment: {
					DATABASE_URL: urlOf('tenant'),
					[variable]: urlOf(login),
					DESTINATIONS_ENCRYPTION_KEYS: `a:${newKey()}`,
				},
			},
		);
		expect(stdout + stderr).toMatch(new RegExp(`\\bSet ${right} to \\S`));
		// Nothing that would give one login the role of another, or take its own.
		expect(stdout + stderr).not.toMatch(
			new RegExp(`(GRANT|REVOKE) .* (TO|FROM) ${new URL(urlOf(login)).username}\\b`),
		);
	},
);

test('adopt with a login that does not own the table says that DATABASE_URL is to be set', async () => {
	const former = await FormerDatabase.open();
	try {
		const login = await former.host.createRole(newName(), `LOGIN PASSWORD 'p'`);
		const DATABASE_URL = withLogin(former.host.connectionString, login, 'p');
		const { status, stdout } = await run(['adopt'], {
			environment: { ...former.environment, DATABASE_URL },
		});
		expect(status).toBe(1);
		expect(stdout).toMatch(/\bSet DATABASE_URL to the URL of its owner/);
	} finally {
		await former.close();
	}
});

test('rotate, verify and purge use DATABASE_SERVICE_URL where it is set', async () => {
	for (const args of [['rotate'], ['verify'], ['purge', '--settings-keep', '1']]) {
		const { status } = await run(args, {
			environment: {
				DATABASE_URL: urlOf('tenant'),
				DATABASE_SERVICE_URL: urlOf('service'),
				DESTINATIONS_ENCRYPTION_KEYS: `a:${newKey()}`,
			},
		});
		expect([args, status]).toEqual([args, 0]);
	}
});
