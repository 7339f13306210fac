import { posthog } from './destinations.ts';
import type { Service } from './service.ts';

/** How many versions and deleted siblings there are. */
export const many = 5_000;

/**
 * A destination of 5,001 versions, each with other settings that open; its organization has 5,000 deleted ones beside it. Written past the triggers, which would take most of a minute.
 */
export async function destinationOfManyVersions(service: Service) {
	const organizationId = await service.createOrganization();
	const { destinations } = service.db.forOrganization(organizationId);
	const { id } = await destinations.create(posthog(organizationId));
	await destinations.patchSettings(id, { enableClientSide: false });
	const { admin } = service;
	await admin.query('SET session_replication_role = replica');
	await admin.query(
		`INSERT INTO destination_settings_history
			(destination_id, version, organization_id, type, settings, settings_encrypted, replaced_at)
		 SELECT d.id, v, d.organization_id, d.type, CASE v % 2 WHEN 0 THEN d.settings ELSE h.settings END, true, '2020-01-01'
		   FROM destinations d JOIN destination_settings_history h ON h.destination_id = d.id,
		        generate_series(2, $2::integer) AS v WHERE d.id = $1`,
		[id, many],
	);
	await admin.query(
		`INSERT INTO destination_audit_log (organization_id, destination_id, version, action, settings_changed,
			configuration, changes, role, login, transaction_id)
		 SELECT d.organization_id, d.id, v, 'updated', true, CASE WHEN v % 100 = 0 THEN jsonb_build_object('name', 'name ' || v) END,
			jsonb_build_object('settings', '{}'::jsonb, 'name', jsonb_build_object('old', 'name ' || v - 1, 'new', 'name ' || v)),
			'authenticated', 'x', 1
		   FROM destinations d, generate_series(3, $2::integer + 1) AS v WHERE d.id = $1`,
		[id, many],
	);
	await admin.query('UPDATE destinations SET version = $2 + 1, name = $3 WHERE id = $1', [
		...[id, many],
		`name ${many + 1}`,
	]);
	await admin.query(
		`INSERT INTO destinations (organization_id, type, name, deleted_at)
		 SELECT $1, 'posthog', 'deleted', '2020-01-01' FROM generate_series(1, $2::integer)`,
		[organizationId, many],
	);
	await admin.query('RESET session_replication_role');
	await admin.query(
		'VACUUM ANALYZE destinations, destination_audit_log, destination_settings_history',
	);
	return { organizationId, id };
}
