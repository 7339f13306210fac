import type { Client } from 'pg';
import { posthog } from '../support/destinations.ts';
import type { Service } from '../support/service.ts';

/** What has a superuser's connection. */
interface Admin {
	readonly admin: Client;
}

/** A time that all of them are before, and no other row. */
export const olderThan = new Date('2021-01-01');

/** Soft-deleted destinations, each of an organization of its own, with earlier settings; returns their ids. */
export async function deletedLongAgo(service: Service, count: number): Promise<string[]> {
	const ids: string[] = [];
	for (let made = 0; made < count; made += 1) {
		const organizationId = await service.createOrganization();
		const { destinations } = service.db.forOrganization(organizationId);
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.patchSettings(id, { enableClientSide: false });
		ids.push(id);
	}
	await pastTriggers(
		service,
		`UPDATE destinations SET deleted_at = '2020-01-01' WHERE id = ANY ('{${ids.join()}}')`,
	);
	return ids;
}

/** Entries of the log, the first of which is the oldest; returns their ids. */
export async function entriesOfLongAgo(service: Admin, count: number): Promise<string[]> {
	const rows = await pastTriggers(
		service,
		`INSERT INTO destination_audit_log
			(organization_id, destination_id, version, action, role, login, recorded_at, transaction_id)
		 SELECT gen_random_uuid(), gen_random_uuid(), 1, 'created', 'x', 'x',
			'2020-01-01'::timestamptz + n * interval '1 second', 1 FROM generate_series(1, ${count}) AS n RETURNING id`,
	);
	return rows.map(({ id }) => id);
}

async function pastTriggers(service: Admin, sql: string): Promise<{ id: string }[]> {
	await service.admin.query('SET session_replication_role = replica');
	const { rows } = await service.admin.query<{ id: string }>(sql);
	await service.admin.query('RESET session_replication_role');
	return rows;
}

export async function logIds(service: Admin): Promise<string[]> {
	const { rows } = await service.admin.query<{ id: string }>(
		'SELECT id FROM destination_audit_log ORDER BY id',
	);
	return rows.map(({ id }) => id);
}
