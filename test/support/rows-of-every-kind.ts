import { createDestinationsClient } from '../../src/index.ts';
import { withClient } from '../../src/testing/databases.ts';
import type { TestDatabase } from '../../src/testing/index.ts';

/** A database, and the logins that a service has there. */
export interface Place {
	readonly connectionString: string;
	readonly logins: Pick<TestDatabase['logins'], 'connectionString' | 'serviceConnectionString'>;
}

/** Makes rows of every kind, for each of some organizations: changed, deleted, with a history. */
export async function makeRowsOfEveryKind(
	{ connectionString, logins }: Place,
	keys: string,
	organizations: number,
): Promise<void> {
	await using db = createDestinationsClient({ ...logins, keys });
	for (let count = 0; count < organizations; count += 1) {
		const organizationId = await withClient(connectionString, async (client) => {
			const { rows } = await client.query('INSERT INTO organizations DEFAULT VALUES RETURNING id');
			return String(rows[0].id);
		});
		const { destinations } = db.forOrganization(organizationId);
		const { id } = await destinations.create({
			...{ organizationId, type: 'posthog', name: 'EU', environment: 'production' },
			settings: { apiKey: 'phc_first' },
		});
		await destinations.update(id, { settings: { apiKey: 'phc_second' } });
		const other = await destinations.copyTo(id, 'staging');
		await destinations.softDelete(other.id);
	}
}
