import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDestinationsClient } from '../../src/index.ts';
import {
	createTestDestination,
	createTestKeys,
	startTestDatabase,
} from '../../src/testing/index.ts';
import { testServer } from '../support/database.ts';
import { rowsOf } from './rows.ts';

const server = () => testServer().connectionString;

/** Databases and roles of a server, less those of other tests, which come and go. */
const namesLike = (prefix: string) =>
	rowsOf<{ name: string }>(
		server(),
		`SELECT datname AS name FROM pg_database WHERE starts_with(datname, $1)
		 UNION ALL SELECT rolname FROM pg_roles WHERE starts_with(rolname, $1)`,
		[prefix],
	);

test('of a server that is there, stop() takes what was made and nothing else', async () => {
	const database = await startTestDatabase({ source: server() });
	const [, prefix = ''] = /(destinations_test_[0-9a-f]{8})_/.exec(database.connectionString) ?? [];
	const clone = await database.clone();
	await clone.clone();
	// The template, three databases, three logins.
	expect(await namesLike(prefix)).toHaveLength(7);
	await using other = await startTestDatabase({ source: server() });
	await database.stop();
	expect(await namesLike(prefix)).toEqual([]);
	await rowsOf(other.connectionString, 'SELECT FROM destinations');
	await rowsOf(other.logins.connectionString, 'SELECT');
	const shared =
		"SELECT FROM pg_roles WHERE rolname IN ('authenticated', 'service_role', 'anon', 'destinations_loader')";
	expect(await rowsOf(server(), shared)).toHaveLength(4);
});

test('a login that may create databases and roles is enough', async () => {
	const [name, password] = [`t${randomBytes(8).toString('hex')}`, randomBytes(8).toString('hex')];
	await rowsOf(
		server(),
		`CREATE ROLE ${name} LOGIN CREATEDB CREATEROLE PASSWORD '${password}';
		 GRANT authenticated, service_role, destinations_loader TO ${name} WITH ADMIN OPTION`,
	);
	const url = new URL(server());
	url.username = name;
	url.password = password;
	try {
		const database = await startTestDatabase({ source: `${url.href}?application_name=mine` });
		const db = createDestinationsClient({ ...database.logins, keys: createTestKeys() });
		const { id, organizationId } = await createTestDestination(db);
		await db.forOrganization(organizationId).destinations.softDelete(id);
		await database.reset();
		const asSuperuser = new URL(server());
		asSuperuser.pathname = new URL(database.connectionString).pathname;
		for (const table of ['destinations', 'destination_audit_log', 'organizations']) {
			expect(await rowsOf(asSuperuser.href, `SELECT FROM ${table}`)).toEqual([]);
		}
		await expect(rowsOf(asSuperuser.href, 'TRUNCATE destination_audit_log')).rejects.toMatchObject({
			code: '42501',
		});
		await db.close();
		await database.stop();
		expect(
			await rowsOf(server(), 'SELECT FROM pg_database WHERE pg_get_userbyid(datdba) = $1', [name]),
		).toEqual([]);
	} finally {
		await rowsOf(server(), `DROP OWNED BY ${name}; DROP ROLE ${name}`);
	}
});

test.each([
	['sqlite', 'must be "embedded", "testcontainers" or a URL'],
	['postgres://secret@', 'cannot be read as a URL'],
])('a source that makes no sense is refused: %s', async (source, message) => {
	await expect(startTestDatabase({ source })).rejects.toMatchObject({
		code: 'CONFIGURATION',
		message: expect.stringContaining(message),
	});
	await expect(startTestDatabase({ source })).rejects.not.toThrow('secret');
});

test("a server that does not answer is the driver's own error", async () => {
	await expect(
		startTestDatabase({ source: 'postgres://nobody@127.0.0.1:1/none' }),
	).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('what a supervisor answers or prints before it ends is the reason', async () => {
	const folder = await mkdtemp(join(tmpdir(), 'destinations-broken-'));
	const programs = {
		'process.stderr.write("Killed"); process.exit(1);': 'Its last output: Killed',
		'process.stdout.write(JSON.stringify({ failure: "There is no room." }));': 'There is no room.',
	};
	try {
		await mkdir(join(folder, 'supervisor'));
		for (const [program, message] of Object.entries(programs)) {
			await writeFile(join(folder, 'supervisor/postgres-supervisor.js'), program);
			await isolated(folder, async (start) => {
				await expect(start({ source: 'embedded' })).rejects.toMatchObject({
					code: 'CONFIGURATION',
					message: expect.stringContaining(message),
				});
			});
		}
	} finally {
		await rm(folder, { recursive: true });
	}
});

/** This entry point as if it lay in a folder. */
async function isolated(
	place: string,
	work: (start: typeof startTestDatabase) => Promise<void>,
): Promise<void> {
	await jest.isolateModulesAsync(async () => {
		jest.doMock('../../src/testing/place.cjs', () => ({ place }));
		const testing: { startTestDatabase: typeof startTestDatabase } = await import(
			'../../src/testing/index.ts'
		);
		await work(testing.startTestDatabase);
	});
}

test('without a Docker engine, testcontainers is refused with what to do', async () => {
	const database = await startTestDatabase({ source: 'testcontainers' }).catch((error) => error);
	if (database instanceof Error) {
		expect(database).toMatchObject({
			code: 'CONFIGURATION',
			// The package itself needs a newer Node than this one does.
			message: expect.stringMatching(/needs a Docker engine|could not be loaded/),
		});
		process.stderr.write(`Testcontainers itself was not tried: ${database.message}\n`);
		return;
	}
	await rowsOf(database.connectionString, 'SELECT FROM destinations');
	await database.stop();
});
