import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Client } from 'pg';
import {
	createDestinationsClient,
	type DestinationsClientOptions,
} from '../../src/client/client.ts';
import { applyMigrations } from '../../src/testing/apply-migrations.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { grantScript } from '../support/grant-script.ts';

/** The coordinator of a cluster, as its superuser, with the database that scripts/citus makes. */
const citusUrl = process.env.CITUS_URL;
/** The only database that is emptied: a cluster that is in use has another one. */
const databaseName = 'destinations_test';

/** As `describe`, where there is a cluster; says that it skips where there is none. */
export const describeOnCitus = citusUrl ? describe : skipped;

function skipped(name: string, work: () => void): void {
	// Jest would print where this is called, too.
	process.stderr.write(
		`SKIPPED: ${name}: CITUS_URL names no cluster (scripts/citus makes one). Nothing of Citus was tried.\n`,
	);
	describe.skip(name, work);
}

/** Runs a script of prisma/scale as its header says. Citus sends workers the text of a message, so that each statement is to be one. */
export function runScript(url: string, name: string, ...options: string[]): void {
	const place = join(process.cwd(), 'prisma/scale', name);
	const given = ['-X', '-q', '-v', 'ON_ERROR_STOP=1', ...options, '-f', place, url];
	const { status, stderr, error } = spawnSync('psql', given, { encoding: 'utf8' });
	if (error !== undefined) throw error;
	if (status !== 0) throw new Error(stderr);
}

const empty = `
	DROP SCHEMA IF EXISTS destinations_migrations, auth CASCADE;
	DROP TABLE IF EXISTS public.destinations, public.destination_audit_log, public.destination_settings_history,
		public.destination_data_keys, public.organizations, public.users, public._prisma_migrations CASCADE;
	DO $$ DECLARE made regprocedure; BEGIN
		FOR made IN SELECT p.oid FROM pg_catalog.pg_proc AS p WHERE pronamespace = 'public'::regnamespace
			AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')
		LOOP EXECUTE format('DROP FUNCTION %s CASCADE', made); END LOOP;
	END $$`;

const roles = ['citus_test_tenant', 'citus_test_service', 'citus_test_loader'] as const;

/** The database of the cluster with the migrations and nothing else, on the coordinator alone. */
export async function migrateCluster(): Promise<{
	readonly admin: Client;
	readonly connectionString: string;
	readonly logins: Readonly<Record<'tenant' | 'service' | 'loader', string>>;
}> {
	if (!citusUrl || new URL(citusUrl).pathname !== `/${databaseName}`) {
		throw new Error(`CITUS_URL must name the database ${databaseName}, which is emptied`);
	}
	const admin = new Client({ connectionString: citusUrl });
	await admin.connect();
	await admin.query('SET client_min_messages = warning');
	// Test files run side by side, and there is one cluster.
	await admin.query(`SELECT pg_advisory_lock(hashtextextended('${databaseName}', 0))`);
	await admin.query(empty);
	await applyMigrations(admin);
	await admin.query(roles.map((role) => `DROP ROLE IF EXISTS ${role}`).join(';'));
	const password = randomBytes(12).toString('hex');
	const [tenant, service, loader] = roles;
	await admin.query(
		await grantScript('logins.sql', {
			...{ tenant_login: tenant, service_login: service, loader_login: loader },
			...{ tenant_password: password, service_password: password, loader_password: password },
		}),
	);
	const url = (role: string) => withLogin(citusUrl, role, password);
	return {
		admin,
		connectionString: citusUrl,
		logins: { tenant: url(tenant), service: url(service), loader: url(loader) },
	};
}

/** Runs what an administrator runs. */
export function distribute(url: string): void {
	runScript(url, 'citus.sql', '--single-transaction');
	runScript(url, 'citus-nodes.sql');
}

/** A service's client on a cluster whose tables are distributed. */
export async function startClusterService(options: Partial<DestinationsClientOptions> = {}) {
	const { admin, logins, connectionString } = await migrateCluster();
	distribute(connectionString);
	const keys = `test:${randomBytes(32).toString('hex')}`;
	const db = createDestinationsClient({
		connectionString: logins.tenant,
		serviceConnectionString: logins.service,
		...{ keys, citus: true, ...options },
	});
	const made = async (table: string): Promise<string> => {
		const { rows } = await admin.query(
			`INSERT INTO public.${table} (id) VALUES (gen_random_uuid()) RETURNING id`,
		);
		return rows[0].id;
	};
	return {
		...{ admin, logins, connectionString, keys, db },
		createOrganization: () => made('organizations'),
		createUser: () => made('users'),
		/** A new organization, and its scope with a user who acts. */
		async tenant() {
			const [organizationId, actorId] = [await made('organizations'), await made('users')];
			return { organizationId, actorId, ...db.forOrganization(organizationId, { actorId }) };
		},
		async stop(): Promise<void> {
			await db.close();
			await admin.end();
		},
	};
}

export type ClusterService = Awaited<ReturnType<typeof startClusterService>>;
