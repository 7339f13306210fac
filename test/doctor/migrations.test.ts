import { diagnose } from '../../src/doctor/diagnose.ts';
import { HostDatabase, migrate, readMigrations } from '../database/migrations.ts';
import { createEmptyDatabase } from '../support/database.ts';
import { Examined } from './examined.ts';

const deploy = /npx prisma migrate deploy/;

describe('of a migrated database', () => {
	let examined: Examined;

	beforeEach(async () => {
		examined = await Examined.open();
	});
	afterEach(() => examined.close());

	const ofMigrations = async () => {
		const sections = await examined.sections();
		return sections.find(({ name }) => name === 'migrations')?.findings;
	};

	test('all have run', async () => {
		expect(await ofMigrations()).toEqual([
			{ severity: 'ok', message: `All ${(await readMigrations()).length} migrations have run` },
		]);
	});

	test('a failed one', async () => {
		await examined.run(`UPDATE destinations_migrations._prisma_migrations SET finished_at = NULL, logs = 'x'
			WHERE migration_name = '20261123000008_data_keys'`);
		expect(await examined.complaints()).toEqual([
			{
				severity: 'failure',
				message: 'Migration 20261123000008_data_keys failed, or is running now',
				fix: expect.stringMatching(
					/npx prisma migrate resolve --rolled-back 20261123000008_data_keys; then npx prisma migrate deploy/,
				),
			},
		]);
	});

	test('one that was rolled back, and one that was rolled back and then ran', async () => {
		await examined.run(`UPDATE destinations_migrations._prisma_migrations SET finished_at = NULL, rolled_back_at = now()
			WHERE migration_name = '20261123000008_data_keys'`);
		expect(await examined.complaints()).toEqual([
			{
				severity: 'failure',
				message: 'Migration 20261123000008_data_keys is pending: it was rolled back',
				fix: expect.stringMatching(deploy),
			},
		]);
		await examined.run(`INSERT INTO destinations_migrations._prisma_migrations (id, checksum, migration_name, finished_at)
			SELECT 'again', checksum, migration_name, now() FROM destinations_migrations._prisma_migrations
			WHERE rolled_back_at IS NOT NULL`);
		expect(await examined.complaints()).toEqual([]);
	});

	test('an edited one, and what to say where it came to the same', async () => {
		await examined.expectHealing(
			`UPDATE destinations_migrations._prisma_migrations SET checksum = repeat('0', 64)
			 WHERE migration_name = '20261123000009_policies_and_grants'`,
			['failure', /^Migration 20261123000009_policies_and_grants was edited/],
		);
	});

	test('one that this package does not have', async () => {
		await examined.run(`INSERT INTO destinations_migrations._prisma_migrations (id, checksum, migration_name, finished_at)
			VALUES ('next', repeat('0', 64), '20991231000000_next', now())`);
		expect(await examined.complaints()).toEqual([
			expect.objectContaining({
				severity: 'warning',
				message: 'Migration 20991231000000_next is not known to this package',
			}),
		]);
	});

	test('a login that may not see them says so, and the fix lets it', async () => {
		for (const right of [
			'SELECT ON destinations_migrations._prisma_migrations',
			'USAGE ON SCHEMA destinations_migrations',
		]) {
			await examined.expectHealing(`REVOKE ${right} FROM service_role`, [
				'note',
				/^Migrations were not checked: permission denied for schema destinations_migrations$/,
			]);
		}
	});

	test('a database without the table of Prisma', async () => {
		await examined.run(
			'DROP TABLE destinations_migrations._prisma_migrations, public._prisma_migrations',
		);
		expect(await examined.complaints()).toEqual([
			expect.objectContaining({ severity: 'warning', fix: expect.stringMatching(/--applied/) }),
		]);
	});
});

test('what a pending one would make is not told as missing once more', async () => {
	const host = await HostDatabase.open();
	try {
		const migrations = await readMigrations();
		const done = migrations.filter(({ name }) => name < '20261123000005');
		await migrate(host.client, done);
		await host.client.query(`CREATE TABLE _prisma_migrations (migration_name text, checksum text,
			started_at timestamptz DEFAULT now(), finished_at timestamptz DEFAULT now(), rolled_back_at timestamptz)`);
		const sections = await diagnose({ connectionString: host.connectionString });
		const of = (name: string) =>
			sections
				.find((section) => section.name === name)
				?.findings.filter(({ severity }) => severity !== 'ok');
		// Nothing is noted as applied, so everything is pending.
		expect(of('migrations')).toHaveLength(migrations.length);
		expect(of('schema')).toEqual([]);

		await host.client.query(
			`INSERT INTO _prisma_migrations (migration_name, checksum)
			 SELECT name, encode(sha256(sql::bytea), 'hex')
			 FROM unnest($1::text[], $2::text[]) AS done (name, sql)`,
			[done.map(({ name }) => name), done.map(({ sql }) => sql.replaceAll('\\', '\\\\'))],
		);
		const again = await diagnose({ connectionString: host.connectionString });
		const wrong = again
			.filter(({ name }) => name !== 'logins')
			.flatMap(({ findings }) => findings)
			.filter(({ severity }) => severity === 'failure');
		const pending = migrations.slice(done.length).map(({ name }) => `Migration ${name} is pending`);
		expect(wrong.map(({ message }) => message)).toEqual(pending);
	} finally {
		await host.close();
	}
});

test('an empty database is told to migrate, and nothing is listed as missing', async () => {
	const database = await createEmptyDatabase();
	try {
		const sections = await diagnose({ connectionString: database.connectionString });
		const failures = sections.filter(({ name }) => name !== 'logins').flatMap((s) => s.findings);
		expect(failures.filter(({ severity }) => severity === 'failure')).toEqual([
			{
				severity: 'failure',
				message: 'No migration has run on this database',
				fix: expect.stringMatching(deploy),
			},
		]);
	} finally {
		await database.drop();
	}
});
