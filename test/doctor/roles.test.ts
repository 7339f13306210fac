import { Client } from 'pg';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { type PostgresServer, startPostgresServer } from '../../src/testing/postgres-server.ts';
import { migrate } from '../database/migrations.ts';
import { type Complaint, expectComplaints } from './examined.ts';

// Roles belong to the whole server, which other tests use at the same time, so this one is its own.
let server: PostgresServer;
let admin: Client;

beforeAll(async () => {
	server = await startPostgresServer('embedded');
	admin = new Client({ connectionString: server.connectionString });
	await admin.connect();
	await migrate(admin);
	await admin.query('CREATE ROLE other');
});
afterAll(async () => {
	await admin?.end();
	await server?.stop();
});

async function complaints() {
	const sections = await diagnose({ connectionString: server.connectionString });
	const { findings } = sections.find(({ name }) => name === 'roles') ?? { findings: [] };
	return findings.filter(({ severity }) => severity === 'warning' || severity === 'failure');
}

const breakages: [sql: string, ...Complaint[]][] = [
	['ALTER ROLE authenticated BYPASSRLS', ['failure', /^Role authenticated bypasses row level/]],
	['ALTER ROLE authenticated SUPERUSER', ['failure', /^Role authenticated is a superuser/]],
	['ALTER ROLE service_role SUPERUSER', ['failure', /^Role service_role is a superuser/]],
	['ALTER ROLE anon CREATEROLE', ['failure', /^Role anon may create roles/]],
	['ALTER ROLE authenticated LOGIN', ['warning', /^Role authenticated may log in/]],
	[
		'GRANT service_role TO authenticated',
		['failure', /^Role authenticated is a member of service_role/],
	],
	['GRANT pg_read_all_data TO anon', ['failure', /^Role anon is a member of pg_read_all_data/]],
	[
		'GRANT destinations_loader TO authenticated',
		['failure', /^Role authenticated is a member of destinations_loader/],
	],
	['ALTER ROLE destinations_loader BYPASSRLS', ['failure', /^Role destinations_loader bypasses/]],
	[
		'GRANT other TO destinations_loader',
		['warning', /^Role destinations_loader is a member of other/],
	],
	['GRANT other TO authenticated', ['warning', /^Role authenticated is a member of other/]],
	[
		'REVOKE USAGE ON SCHEMA public FROM PUBLIC',
		['failure', /^Role authenticated may not use schema public/],
		['failure', /^Role destinations_loader may not use schema public/],
		['failure', /^Role service_role may not use schema public/],
	],
	[
		'GRANT CREATE ON SCHEMA public TO authenticated',
		['warning', /^Role authenticated may create tables and functions/],
	],
];

test.each(breakages)('%s is told, and the fix heals it', async (sql, ...expected) => {
	expect(await complaints()).toEqual([]);
	await admin.query(sql);
	const found = await complaints();
	expectComplaints(found, ...expected);
	for (const { sql: fix } of found) if (fix !== undefined) await admin.query(fix);
	expect(await complaints()).toEqual([]);
});

test("Supabase's service_role is only noted", async () => {
	await admin.query('ALTER ROLE service_role BYPASSRLS');
	expect(await complaints()).toEqual([]);
	await admin.query('ALTER ROLE service_role NOBYPASSRLS');
});

test('a missing role is told, and the rest goes on', async () => {
	await admin.query('DROP OWNED BY anon; DROP ROLE anon');
	const found = await complaints();
	expectComplaints(found, ['failure', /^Role anon does not exist$/]);
	for (const { sql } of found) if (sql !== undefined) await admin.query(sql);
	expect(await complaints()).toEqual([]);
});
