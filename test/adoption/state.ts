import type { Client } from 'pg';
import { catalogQuery } from '../../src/doctor/catalog-query.ts';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { verifySettings } from '../../src/index.ts';
import { withLogin } from '../../src/testing/databases.ts';
import type { HostDatabase } from '../database/migrations.ts';
import { newName } from '../packaging/migrating.ts';
import type { FormerDatabase } from './former-table.ts';

/** Everything there is: what the catalog says, and the rows. */
export async function stateOf(client: Client) {
	await client.query('SET search_path = pg_catalog, pg_temp');
	const { rows: catalog } = await client.query(catalogQuery, [null]);
	await client.query('RESET search_path');
	const { rows: schemas } = await client.query('SELECT nspname FROM pg_namespace ORDER BY 1');
	return { catalog, schemas, rows: await rowsOf(client), whole: await wholeRowsOf(client) };
}

/** What must stay of a row: all but how its settings are stored, and what stands for an unknown status. */
export async function rowsOf(client: Client): Promise<{ readonly id: string }[]> {
	const { rows } = await client.query<{ kept: { id: string } }>(
		`SELECT to_jsonb(d) - ARRAY['settings', 'settings_encrypted', 'version']
			|| jsonb_build_object('connection_status', coalesce(connection_status, 'unknown')) AS kept
		 FROM destinations AS d ORDER BY id`,
	);
	return rows.map(({ kept }) => kept);
}

async function wholeRowsOf(client: Client): Promise<object[]> {
	return (await client.query('SELECT to_jsonb(d) AS row FROM destinations AS d ORDER BY id')).rows;
}

/** Logins as services have them. */
export async function newLogins(former: { readonly host: HostDatabase }) {
	const login = async (role: string) => {
		const name = await former.host.createRole(newName(), `LOGIN NOINHERIT PASSWORD 'p'`);
		await former.host.client.query(`GRANT ${role} TO ${name}`);
		return withLogin(former.host.connectionString, name, 'p');
	};
	return { tenant: await login('authenticated'), service: await login('service_role') };
}

/** `doctor` finds no failure, with logins as services have them, which it returns. */
export async function healthy(of: { readonly host: HostDatabase }, keys: string) {
	const logins = await newLogins(of);
	const sections = await diagnose({
		connectionString: logins.tenant,
		serviceConnectionString: logins.service,
		keys,
	});
	const findings = sections.flatMap(({ name, findings }) =>
		findings.map(({ severity, message }) => ({ name, severity, message })),
	);
	expect(findings.filter(({ severity }) => severity === 'failure')).toEqual([]);
	expect(findings).toContainEqual(
		expect.objectContaining({
			name: 'migrations',
			severity: 'ok',
			message: expect.stringMatching(/^All \d/),
		}),
	);
	// Other tests' logins may come here, and the platform's tables are this test's: both are said as warnings.
	const ofSchema = findings.filter(({ name, severity }) => name === 'schema' && severity !== 'ok');
	expect(ofSchema).toEqual([]);
	return logins;
}

/** The database is as the migrations make it, every row is there and opens, and nothing is left of the adoption. */
export async function adoptedWell(
	former: FormerDatabase,
	rows: readonly { readonly id: string }[],
): Promise<void> {
	const { client, keys } = former;
	expect(await rowsOf(client)).toEqual(rows);
	const logins = await healthy(former, keys);
	const { failed, checked, plaintext } = await verifySettings({
		connectionString: logins.service,
		keys,
	});
	expect({ failed, checked, plaintext }).toEqual({ failed: 0, checked: rows.length, plaintext: 0 });
	const { rows: entries } = await client.query(
		`SELECT destination_id AS id FROM destination_audit_log WHERE action = 'imported' AND version = 1 ORDER BY 1`,
	);
	expect(entries).toEqual(rows.map(({ id }) => ({ id })));
	const { rows: left } = await client.query(
		`SELECT nspname FROM pg_namespace WHERE nspname IN ('destinations_adoption', 'destinations_replaced')`,
	);
	expect(left).toEqual([]);
}
