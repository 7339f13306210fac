import { setTimeout as sleep } from 'node:timers/promises';
import { rotateKeys, verifySettings } from '../../src/index.ts';
import { MaintenanceConnection } from '../../src/rotation/maintenance-connection.ts';
import { type Service, startService } from '../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});
afterAll(() => service.stop());

function open() {
	return MaintenanceConnection.open({ connectionString: service.connectionString });
}

function statement(text: string, ...values: unknown[]) {
	return { text, values };
}

/** The backends that work for a maintenance connection. */
async function backends(): Promise<number[]> {
	const { rows } = await service.admin.query<{ pid: number }>(
		`SELECT pid FROM pg_stat_activity
		 WHERE datname = current_database() AND application_name = 'consent-destinations'`,
	);
	return rows.map(({ pid }) => pid);
}

it('runs a statement as service_role, with what it needs set for it alone', async () => {
	await using connection = await open();
	const settings = statement(
		`SELECT current_user AS role, current_setting('request.jwt.claims')::jsonb AS claims,
			current_setting('enable_seqscan') AS seqscan`,
	);
	const claims = { role: 'service_role' };
	expect(await connection.run(settings, 'SET LOCAL enable_seqscan = off;')).toEqual([
		{ role: 'service_role', claims, seqscan: 'off' },
	]);
	expect(await connection.run(settings)).toEqual([{ role: 'service_role', claims, seqscan: 'on' }]);
	expect(await connection.run(statement('SELECT $1::text AS text', 'given'))).toEqual([
		{ text: 'given' },
	]);
});

it('runs each statement in a transaction of its own, which a failure ends', async () => {
	await using connection = await open();
	const local = statement(`SELECT current_setting('test.local', true) AS local`);
	await connection.run(statement(`SELECT set_config('test.local', 'left', true)`));
	expect(await connection.run(local)).toEqual([{ local: '' }]);
	await expect(connection.run(statement('SELECT 1 / 0'))).rejects.toMatchObject({ code: '22012' });
	expect(await connection.run(local)).toEqual([{ local: '' }]);
});

it('fails the statement that waits when it is lost, and those after it', async () => {
	await using connection = await open();
	const waiting = connection.run(statement('SELECT pg_sleep(60)'));
	const lost = expect(waiting).rejects.toMatchObject({
		code: 'UNAVAILABLE',
		cause: { code: '57P01' },
	});
	let ended = 0;
	while (ended === 0) {
		const { rowCount } = await service.admin.query(
			`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'`,
			await backends(),
		);
		ended = rowCount ?? 0;
	}
	await lost;
	await expect(connection.run(statement('SELECT 1'))).rejects.toMatchObject({
		code: 'UNAVAILABLE',
	});
});

it('says which role a login may not switch to, and how it may', async () => {
	await using connection = await MaintenanceConnection.open({
		connectionString: service.logins.loaderConnectionString,
	});
	await expect(connection.run(statement('SELECT 1'))).rejects.toMatchObject({
		code: 'CONFIGURATION',
		message: expect.stringMatching(
			/^The database login may not switch to the role service_role: permission denied.*GRANT service_role TO the login/,
		),
		cause: { code: '42501' },
	});
});

it('is lost without a word while nothing waits', async () => {
	await using connection = await open();
	await connection.run(statement('SELECT 1'));
	const [pid] = await backends();
	await service.admin.query('SELECT pg_terminate_backend($1)', [pid]);
	while ((await backends()).length > 0) await sleep(10);
	await expect(connection.run(statement('SELECT 1'))).rejects.toMatchObject({
		code: 'UNAVAILABLE',
	});
});

it('is known to the database by name, unless it is given another, and is closed at the end', async () => {
	const { connectionString } = service;
	const name = statement(`SELECT current_setting('application_name') AS name`);
	{
		await using connection = await open();
		expect(await backends()).toHaveLength(1);
		await using named = await MaintenanceConnection.open({
			connectionString,
			connection: { application_name: 'nightly' },
		});
		expect(await connection.run(name)).toEqual([{ name: 'consent-destinations' }]);
		expect(await named.run(name)).toEqual([{ name: 'nightly' }]);
	}
	// A backend ends a moment after its client.
	while ((await backends()).length > 0) await sleep(10);
});

describe.each([
	['rotateKeys', rotateKeys],
	['verifySettings', verifySettings],
])('%s', (name, call) => {
	const { DATABASE_URL, DATABASE_SERVICE_URL } = process.env;
	afterEach(() => {
		for (const [variable, url] of Object.entries({ DATABASE_URL, DATABASE_SERVICE_URL })) {
			if (url === undefined) delete process.env[variable];
			else process.env[variable] = url;
		}
	});

	it("connects as the service's login where there are two", async () => {
		process.env.DATABASE_URL = service.logins.connectionString;
		process.env.DATABASE_SERVICE_URL = service.logins.serviceConnectionString;
		expect(await call({ keys: service.keys })).toMatchObject({ failed: 0 });
	});

	it('refuses options of a connection that pg does not know', async () => {
		const { connectionString, keys } = service;
		const connection = { connectionString, sssl: true };
		await expect(call({ keys, connection })).rejects.toMatchObject({
			code: 'CONFIGURATION',
			message: expect.stringMatching(/^`connection`: .*sssl/s),
		});
	});

	it('refuses to guess where the database is', async () => {
		delete process.env.DATABASE_URL;
		await expect(call({ keys: service.keys })).rejects.toMatchObject({
			code: 'CONFIGURATION',
			message: expect.stringContaining('or `connection` with a host'),
		});
	});

	it('refuses options that it does not know', async () => {
		const { connectionString, keys } = service;
		const options = { connectionString, keys, batchsize: 5 };
		await expect(call(options)).rejects.toMatchObject({
			code: 'CONFIGURATION',
			message: expect.stringMatching(new RegExp(`^${name}\\(\\): .*batchsize`, 's')),
		});
	});

	it('takes the database from options of pg, and leaves no connection behind', async () => {
		const { connectionString, keys } = service;
		expect(await call({ keys, connection: { connectionString } })).toMatchObject({ failed: 0 });
		while ((await backends()).length > 0) await sleep(10);
	});
});
