import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import {
	createDestinationsClient,
	type DestinationsClientOptions,
} from '../../src/client/client.ts';
import { createTestDatabase } from './database.ts';

/** A service's client on a database of the test's own, and a second, raw connection as superuser. */
export async function startService(options: Partial<DestinationsClientOptions> = {}) {
	const database = await createTestDatabase();
	const admin = new Client({ connectionString: database.connectionString });
	await admin.connect();
	const keys = `test:${randomBytes(32).toString('hex')}`;
	const db = createDestinationsClient({
		connectionString: database.connectionString,
		keys,
		...options,
	});
	const createOrganization = async (): Promise<string> => {
		const { rows } = await admin.query('INSERT INTO organizations DEFAULT VALUES RETURNING id');
		return rows[0].id;
	};
	const createUser = async (): Promise<string> => {
		const { rows } = await admin.query('INSERT INTO users DEFAULT VALUES RETURNING id');
		return rows[0].id;
	};
	return {
		connectionString: database.connectionString,
		logins: database.logins,
		/** Unless the options have others. */
		keys,
		admin,
		db,
		createOrganization,
		createUser,
		/** A new organization, and its scope. */
		async tenant() {
			const organizationId = await createOrganization();
			return { organizationId, ...db.forOrganization(organizationId) };
		},
		/** A new organization, and its scope with a user who acts. */
		async actingTenant() {
			const [organizationId, actorId] = [await createOrganization(), await createUser()];
			return { organizationId, actorId, ...db.forOrganization(organizationId, { actorId }) };
		},
		async stop(): Promise<void> {
			await db.close();
			await admin.end();
			await database.drop();
		},
	};
}

export type Service = Awaited<ReturnType<typeof startService>>;
