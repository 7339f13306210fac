import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { type CatalogObject, identityOf, readCatalog } from '../../src/doctor/catalog.ts';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { lookedAt } from '../../src/doctor/expected-objects.ts';
import { describeOnCitus, distribute, migrateCluster } from './cluster.ts';

const committed = join(process.cwd(), 'src/doctor/citus-objects.json');
const key = `test:${'4f'.repeat(31)}aa`;

/** What there is of this package, in its form on every server. */
async function objectsOf(admin: Client): Promise<CatalogObject[]> {
	await admin.query('SET search_path = pg_catalog, pg_temp');
	const names = [
		...lookedAt,
		'public.destinations_changed_here',
		'public.log_destinations_key_rotation',
		'public.destination_audit_log_position_here',
		'public.destination_audit_log_positions',
	];
	const found = await readCatalog(admin, names);
	await admin.query('RESET search_path');
	return (
		found
			.map(({ kind, of, name, definition }) => ({ kind, of, name, definition }))
			// Roles are of the whole server. A truncation is Citus's own.
			.filter(({ kind, name }) => kind !== 'role' && !name.startsWith('truncate_trigger_'))
	);
}

describeOnCitus('doctor on a cluster', () => {
	test('knows what citus.sql makes, and finds what is not so', async () => {
		const { admin, logins, connectionString } = await migrateCluster();
		try {
			const before = await objectsOf(admin);
			distribute(connectionString);
			const after = await objectsOf(admin);
			const known = new Map(before.map((object) => [identityOf(object), object.definition]));
			const left = new Set(after.map(identityOf));
			const changed = {
				absent: before.map(identityOf).filter((identity) => !left.has(identity)),
				objects: after
					.filter((object) => known.get(identityOf(object)) !== object.definition)
					.map((object) => ({ ...object, migration: 'prisma/scale/citus.sql' })),
			};
			if (process.env.UPDATE_CATALOG) {
				await writeFile(committed, `${JSON.stringify(changed, null, '\t')}\n`);
			}
			expect(JSON.parse(await readFile(committed, 'utf8'))).toEqual(changed);

			const examine = async () => {
				const sections = await diagnose({
					...{ connectionString: logins.tenant, serviceConnectionString: logins.service },
					...{ loaderConnectionString: logins.loader, keys: key },
				});
				return sections.flatMap(({ findings }) =>
					findings
						.filter(({ severity }) => severity === 'failure' || severity === 'warning')
						.map(({ message }) => message),
				);
			};
			expect(await examine()).toEqual([]);
			await admin.query('SET citus.enable_unsafe_triggers = on');
			await admin.query('DROP TRIGGER trigger_log_changed_destinations ON public.destinations');
			expect(await examine()).toEqual([
				expect.stringContaining('trigger_log_changed_destinations'),
			]);
		} finally {
			await admin.end();
		}
	}, 120_000);
});
