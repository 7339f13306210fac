import { manifest } from '../../src/doctor/manifest.ts';
import { run } from '../cli/command-line.ts';
import { readMigrations } from '../database/migrations.ts';
import { grantScript } from '../support/grant-script.ts';
import { FormerDatabase } from './former-table.ts';
import { adoptedWell, rowsOf, stateOf } from './state.ts';

const opened: FormerDatabase[] = [];

async function open(options: Parameters<typeof FormerDatabase.open>[0]): Promise<FormerDatabase> {
	const former = await FormerDatabase.open(options);
	opened.push(former);
	return former;
}

afterEach(async () => {
	for (const former of opened.splice(0)) await former.close();
});

const history = `(id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL, finished_at timestamptz,
	migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz,
	started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);`;

test("another project's history and tables in the same database stay as they are", async () => {
	const former = await open({
		count: 30,
		setup: `CREATE TABLE _prisma_migrations ${history}
			INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at)
				VALUES ('1', 'abc', '20250101000000_invoices', now());
			CREATE TABLE invoices (id serial PRIMARY KEY, organization_id uuid REFERENCES organizations);`,
	});
	const theirs = () =>
		former.rows(`SELECT (SELECT json_agg(m) FROM public._prisma_migrations AS m) AS history,
			'public._prisma_migrations'::regclass::oid AS oid, 'invoices'::regclass::oid AS invoices`);
	const before = await theirs();
	const rows = await rowsOf(former.client);
	const ended = await run(['adopt', '--apply'], { environment: former.environment });
	expect([ended.stdout, ended.status]).toEqual([expect.stringContaining('Adopted.'), 0]);
	expect(await theirs()).toEqual(before);
	await adoptedWell(former, rows);
});

test('a deploy that failed at the table before is settled', async () => {
	const former = await open({ count: 30 });
	await former.host.as(former.owner, async () => {
		await former.client.query(`CREATE SCHEMA destinations_migrations;
			CREATE TABLE destinations_migrations._prisma_migrations ${history}`);
		for (const [index, { name, sql }] of (await readMigrations()).slice(0, 3).entries()) {
			const ran = await former.client.query(sql).then(
				() => true,
				({ code }) => expect(code).toBe('42P07'),
			);
			await former.client.query(
				`INSERT INTO destinations_migrations._prisma_migrations (id, checksum, migration_name, finished_at)
				 SELECT $1, checksum, $2, $3 FROM (VALUES ($4)) AS v (checksum)`,
				[String(index), name, ran ? new Date() : null, checksums.get(name)],
			);
		}
	});
	const rows = await rowsOf(former.client);
	const ended = await run(['adopt', '--apply'], { environment: former.environment });
	expect([ended.stdout, ended.status]).toEqual([expect.stringContaining('Adopted.'), 0]);
	await adoptedWell(former, rows);
});

const checksums = new Map(manifest.migrations.map(({ name, checksum }) => [name, checksum]));

test('a preparation leaves the table in use, and what changes meanwhile comes along', async () => {
	const former = await open({ count: 60 });
	const { environment } = former;
	const prepared = await run(['adopt', '--prepare'], { environment });
	expect([prepared.stdout, prepared.status]).toEqual([
		expect.stringContaining('Everything is prepared'),
		0,
	]);
	await former.host.as(former.owner, () =>
		former.client.query(`
			UPDATE destinations SET name = 'changed' WHERE type = 'console';
			DELETE FROM destinations WHERE type = 'mixpanel';
			DELETE FROM organizations WHERE name = '1';
			INSERT INTO destinations (organization_id, type, name, settings)
				SELECT id, 'mixpanel', 'new', '{"projectToken": "0123456789abcdef0123456789abcdef"}' FROM organizations`),
	);
	// As a replica applies what its publisher did, where other triggers are silent.
	await former.client.query(`SET session_replication_role = replica;
		UPDATE destinations SET name = 'replicated' WHERE type = 'amplitude'; RESET session_replication_role`);
	await expect(former.client.query('TRUNCATE destinations')).rejects.toThrow('is being adopted');
	const rows = await rowsOf(former.client);
	const broken = await former.rows<{ id: string }>(
		`UPDATE destinations SET settings = '{"x": "topsecret"}' WHERE type = 'console' AND deleted_at IS NULL RETURNING id`,
	);
	const refused = await run(['adopt', '--apply'], { environment });
	expect(refused.status).toBe(1);
	for (const { id } of broken) expect(refused.stdout).toContain(`destination ${id} of`);
	expect(refused.stdout).not.toContain('topsecret');
	await former.rows(`UPDATE destinations SET settings = '{}' WHERE settings ? 'x'`);
	const updated = await rowsOf(former.client);
	expect(updated).toHaveLength(rows.length);
	const ended = await run(['adopt', '--apply'], { environment });
	expect([ended.stdout, ended.status]).toEqual([expect.stringContaining('Adopted.'), 0]);
	await adoptedWell(former, updated);
});

test('a preparation is given up by the script, after which everything is as it was', async () => {
	const former = await open({ count: 30 });
	const { environment } = former;
	await run(['adopt'], { environment });
	const before = await stateOf(former.client);
	await run(['adopt', '--prepare'], { environment });
	const script = await grantScript('give-up-adoption.sql');
	await former.client.query(script);
	const after = await stateOf(former.client);
	expect(after.whole).toEqual(before.whole);
	const names = ({ catalog }: typeof after) =>
		catalog.map(({ kind, of, name }: Record<string, string>) => `${kind} ${of} ${name}`);
	// The first two migrations have run, as a deploy would have run them.
	const left = names(after).filter((name) => !names(before).includes(name));
	expect(left.filter((name) => !/destinations_migrations|destinations_claim/.test(name))).toEqual(
		[],
	);
	expect(names(before).filter((name) => !names(after).includes(name))).toEqual([]);
	await run(['adopt', '--apply'], { environment });
	await adoptedWell(former, before.rows);
	await expect(former.client.query(script)).rejects.toThrow('does not exist');
});
