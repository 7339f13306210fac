import { createDestinationsLoader } from '../../src/index.ts';
import { everyCall, outsideTransactions } from '../repository/every-call.ts';
import { grantScript } from '../support/grant-script.ts';
import { codesOf } from '../tenancy/refusal.ts';
import { type ClusterService, describeOnCitus, startClusterService } from './cluster.ts';
import { newTenant } from './tenants.ts';

/** What hardening.sql takes from everybody, given back: a database of tests is used again, and its servers have others. */
const soften = `DO $$ BEGIN
	SET LOCAL citus.enable_ddl_propagation = off;
	GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO PUBLIC;
	GRANT USAGE ON LANGUAGE plpgsql, sql TO PUBLIC;
	EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO PUBLIC', current_database());
END $$`;

describeOnCitus('hardening.sql on a cluster', () => {
	let service: ClusterService;

	beforeAll(async () => {
		service = await startClusterService();
		const script = await grantScript('hardening.sql', {
			...{ tenant_login: 'citus_test_tenant', service_login: 'citus_test_service' },
			loader_login: 'citus_test_loader',
		});
		for (const _ of ['once', 'again']) await service.admin.query(`BEGIN; ${script}; COMMIT`);
	}, 120_000);
	afterAll(async () => {
		await service?.admin.query('SELECT run_command_on_all_nodes($1)', [soften]);
		// A login that has a right of its own cannot be dropped.
		await service?.admin.query(
			`REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean)
			 FROM citus_test_tenant, citus_test_service, citus_test_loader`,
		);
		await service?.stop();
	});

	test('refuses tenants what it refuses on one server, on the workers, too', async () => {
		const { id, client } = await newTenant(service, service.db);
		const attacks = [
			`SELECT set_config('request.jwt.claims', '{}', true)`,
			// Sent along to the worker that has the rows, and to all of them.
			`SELECT set_config('request.jwt.claims', '{}', true) FROM public.destinations WHERE organization_id = '${id}'`,
			`SELECT count(*) FROM public.destinations WHERE set_config('request.jwt.claims', '{}', true) IS NOT NULL`,
			'CREATE TEMPORARY TABLE destinations (id uuid)',
			'DO $$ BEGIN END $$',
		];
		for (const sql of attacks) {
			expect([sql, await client.prisma.$queryRawUnsafe(sql).catch(codesOf)]).toEqual([
				...[sql, 'P2010 42501'],
			]);
		}
		const { rows } = await service.admin.query(
			`SELECT result FROM run_command_on_all_nodes($c$SELECT concat_ws(',',
				has_function_privilege('authenticated', 'pg_catalog.set_config(text, text, boolean)', 'EXECUTE'),
				has_language_privilege('authenticated', 'plpgsql', 'USAGE'), has_language_privilege('authenticated', 'sql', 'USAGE'),
				has_database_privilege('authenticated', current_database(), 'TEMPORARY'),
				has_schema_privilege('authenticated', 'public', 'CREATE'))$c$)`,
		);
		expect(rows).toEqual(rows.map(() => ({ result: 'f,f,f,f,f' })));
	});

	test.each(['tenant', 'service', 'transaction'])(
		'leaves every call as it was: %s',
		async (who) => {
			const purging = new Set(['purge', 'purgeDeleted', 'pruneSettingsHistory']);
			for (const [name, call] of Object.entries(everyCall)) {
				if (who !== 'service' && purging.has(name)) continue;
				if (who === 'transaction' && outsideTransactions.has(name)) continue;
				const own = await newTenant(service, service.db);
				const subject = { id: own.own.id, organizationId: own.id };
				if (name === 'restore' || name === 'purge')
					await own.client.destinations.softDelete(own.own.id);
				const scope = who === 'service' ? service.db.asService() : own.client;
				if (who === 'transaction') await scope.transaction((tx) => call(tx, subject));
				else await call(scope, subject);
			}
		},
		120_000,
	);

	test('leaves loaders what they see', async () => {
		const own = await newTenant(service, service.db);
		const { logins, keys } = service;
		const loader = createDestinationsLoader({
			...{ connectionString: logins.loader, keys, citus: true },
		});
		await loader.start();
		expect(await loader.findEnabled(own.id, 'production')).toHaveLength(1);
		await loader.close();
	});
});
