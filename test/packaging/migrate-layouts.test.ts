import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { healthy } from '../adoption/state.ts';
import { newKeys } from '../support/encryption.ts';
import {
	applied,
	createLogin,
	expectDone,
	newestPrisma,
	nothingToDo,
	offline,
	onHost,
	own,
	prisma,
	tables,
	upToDate,
} from './migrating.ts';
import { Service } from './service.ts';

let service: Service;
let withType: Service;

beforeAll(async () => {
	service = await Service.create({ environment: offline });
	withType = await Service.create({ type: 'module', environment: offline });
});

afterAll(async () => {
	await service?.remove();
	await withType?.remove();
});

const platform = `
	CREATE TABLE organizations (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL);
	CREATE TABLE users (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email text NOT NULL);
	INSERT INTO organizations (name) VALUES ('Acme');`;

describe('in a service, `npx prisma migrate deploy` migrates', () => {
	test('an empty database, once, with and without "type": "module"', () =>
		onHost('', async (host) => {
			const deployed = await prisma(service, host.connectionString, 'migrate deploy');
			expect(deployed).toMatchObject({ status: 0, output: expect.stringContaining(applied) });
			// What was made of the platform's tables, and why; Prisma shows no NOTICE.
			expect(deployed.stdout).toMatch(
				/public\.organizations and public\.users: made by these migrations, because there was no table of these names, and destinations refer to them by a uuid\. Empty so far: add a row for each/,
			);
			await Promise.all([
				expectDone(service, host, { 'migrate status': upToDate }),
				expectDone(withType, host, { 'migrate deploy': nothingToDo }),
			]);
			expect(await tables(host.client)).toEqual([
				'destinations_migrations._prisma_migrations',
				...own,
				'public.organizations',
				'public.users',
			]);
			await healthy({ host }, newKeys());
		}));

	test("an empty database, by the newest of Prisma's commands that was tried", () =>
		onHost('', async (host) => {
			const command = `node ${await newestPrisma()}`;
			for (const [args, printed] of [
				['migrate deploy', applied],
				['migrate status', upToDate],
			] as const) {
				const { status, output } = await service.run(`${command} ${args}`, {
					environment: { DATABASE_URL: host.connectionString },
				});
				expect([status, output]).toEqual([0, expect.stringContaining(printed)]);
			}
			expect(await tables(host.client)).toEqual(expect.arrayContaining(own));
		}));

	test('a database that another deploy is just beginning with', () =>
		onHost('', async ({ client, connectionString }) => {
			await client.query('BEGIN; CREATE SCHEMA destinations_migrations');
			let ended = false;
			const deploying = prisma(service, connectionString, 'migrate deploy').finally(() => {
				ended = true;
			});
			const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database()
				AND wait_event_type = 'Lock' AND query LIKE 'CREATE SCHEMA%'`;
			while (!ended && (await client.query(waiting)).rowCount === 0) {
				await delay(50);
				// A transaction sees what others do as it saw it first.
				await client.query('SELECT pg_stat_clear_snapshot()');
			}
			expect(ended).toBe(false);
			await client.query('COMMIT');
			expect(await deploying).toMatchObject({
				status: 0,
				output: expect.stringContaining(applied),
			});
		}));

	test("a database with the platform's tables, without a baseline", () =>
		onHost(platform, async (host) => {
			const { output } = await prisma(service, host.connectionString, 'migrate deploy');
			expect(output).toContain(applied);
			expect(output).not.toContain('made by these migrations');
			const { rows } = await host.client.query('SELECT name FROM organizations');
			expect(rows).toEqual([{ name: 'Acme' }]);

			const grants = 'node_modules/@consent-io/destinations/prisma/grants/platform-tables.sql';
			await host.client.query(await readFile(join(service.folder, grants), 'utf8'));
			const mayRead = `SELECT has_column_privilege('service_role', 'organizations', 'id', 'SELECT') AS may`;
			expect((await host.client.query(mayRead)).rows).toEqual([{ may: true }]);
			await healthy({ host }, newKeys());
		}));

	test("a database with one of the platform's tables, and says that it made the other", () =>
		onHost('CREATE TABLE organizations (id uuid PRIMARY KEY)', async (host) => {
			const { stdout } = await prisma(service, host.connectionString, 'migrate deploy');
			expect(stdout).toMatch(
				/destinations: public\.users: made by these migrations, because there was no table of that name, and destinations refer to it by a uuid\./,
			);
		}));

	test('the same where the first migration is said to be applied, as Prisma has it for P3005', () =>
		onHost(platform, (host) =>
			expectDone(service, host, {
				'migrate resolve --applied 20261123000001_platform_tables': 'marked as applied',
				'migrate deploy': applied,
			}),
		));

	test('as a login that may not create schemas, once its owner made the one of the history', () =>
		onHost(`${platform} CREATE SCHEMA auth`, async (host) => {
			const login = await createLogin(host);
			await host.client.query(`
				GRANT CREATE ON SCHEMA public TO ${login.name};
				GRANT REFERENCES (id) ON organizations, users TO ${login.name}`);
			const refused = await prisma(service, login.connectionString, 'migrate deploy');
			expect(refused).toMatchObject({
				status: 1,
				output: expect.stringMatching(/permission denied for database|was denied access/),
			});
			expect(await tables(host.client)).toEqual(['public.organizations', 'public.users']);
			await host.client.query(`CREATE SCHEMA destinations_migrations AUTHORIZATION ${login.name}`);
			await expectDone(service, login, { 'migrate deploy': applied });
		}));
});
