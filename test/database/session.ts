import { randomUUID } from 'node:crypto';
import { Client, DatabaseError, type QueryResultRow } from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

export type Role = 'authenticated' | 'service_role' | 'destinations_loader' | 'anon';

/** What `request.jwt.claims` holds: an object is written as JSON, a string as it is. */
export type Claims = Record<string, unknown> | string;

/** A migrated database of the test file's own, seen through one superuser connection. */
export class Session {
	readonly client: Client;
	readonly #database: TestDatabase;
	readonly #others: Client[] = [];

	private constructor(database: TestDatabase) {
		this.#database = database;
		this.client = new Client({ connectionString: database.connectionString });
	}

	static async open(): Promise<Session> {
		const session = new Session(await createTestDatabase());
		await session.client.connect();
		return session;
	}

	get connectionString(): string {
		return this.#database.connectionString;
	}

	/** One more connection, as the superuser or as the login of the URL. */
	async connect(connectionString = this.connectionString): Promise<Client> {
		const client = new Client({ connectionString });
		await client.connect();
		this.#others.push(client);
		return client;
	}

	async close(): Promise<void> {
		await Promise.all([this.client, ...this.#others].map((client) => client.end()));
		await this.#database.drop();
	}

	async rows<Row extends QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> {
		return (await this.client.query<Row>(sql, values)).rows;
	}

	/** The only row of a result. */
	async row<Row extends QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row> {
		const rows = await this.rows<Row>(sql, values);
		if (rows.length !== 1 || rows[0] === undefined) {
			throw new Error(`expected one row, got ${rows.length}: ${sql}`);
		}
		return rows[0];
	}

	/** Runs `work` in a transaction as a role with claims, and commits it. */
	async as<Result>(role: Role, claims: Claims, work: () => Promise<Result>): Promise<Result> {
		const text = typeof claims === 'string' ? claims : JSON.stringify(claims);
		await this.client.query('BEGIN');
		try {
			await this.client.query(
				`SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`,
				[role, text],
			);
			const result = await work();
			await this.client.query('COMMIT');
			return result;
		} catch (error) {
			await this.client.query('ROLLBACK');
			throw error;
		}
	}

	asTenant<Result>(
		organizationId: string,
		work: () => Promise<Result>,
		actorId?: string,
	): Promise<Result> {
		return this.as('authenticated', { organization_id: organizationId, sub: actorId }, work);
	}

	asService<Result>(work: () => Promise<Result>, actorId?: string): Promise<Result> {
		return this.as('service_role', { sub: actorId }, work);
	}

	async newOrganization(): Promise<string> {
		return (await this.row<{ id: string }>('INSERT INTO organizations DEFAULT VALUES RETURNING id'))
			.id;
	}

	async newUser(): Promise<string> {
		return (await this.row<{ id: string }>('INSERT INTO users DEFAULT VALUES RETURNING id')).id;
	}

	/** Inserts a destination, by default into an organization of its own. */
	async newDestination(columns: Record<string, unknown> = {}): Promise<DestinationRow> {
		const row = {
			organization_id: columns.organization_id ?? (await this.newOrganization()),
			type: 'posthog',
			name: 'EU project',
			...columns,
		};
		return this.insert(row);
	}

	insert(columns: Record<string, unknown>): Promise<DestinationRow> {
		const names = Object.keys(columns);
		return this.row<DestinationRow>(
			`INSERT INTO destinations (${names.join(', ')})
			 VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')})
			 RETURNING ${destinationColumns}`,
			Object.values(columns),
		);
	}

	/** Runs one `UPDATE` of one destination, for example ``update(id, `name = 'x'`)``. */
	update(id: string, assignments: string, values: unknown[] = []): Promise<DestinationRow> {
		return this.row<DestinationRow>(
			`UPDATE destinations SET ${assignments} WHERE id = '${id}' RETURNING ${destinationColumns}`,
			values,
		);
	}

	destination(id: string): Promise<DestinationRow> {
		return this.row<DestinationRow>(
			`SELECT ${destinationColumns} FROM destinations WHERE id = $1`,
			[id],
		);
	}
}

/** Times as text, because a JavaScript date has no microseconds. */
const destinationColumns = `*, created_at::text, updated_at::text`;

export interface DestinationRow extends QueryResultRow {
	id: string;
	organization_id: string;
	type: string;
	name: string;
	description: string | null;
	environment: string;
	settings: Record<string, unknown>;
	settings_encrypted: boolean;
	required_consent: string[];
	enabled: boolean;
	test_mode: boolean;
	last_tested_at: Date | null;
	connection_status: string;
	last_error: string | null;
	deleted_at: Date | null;
	version: number;
	created_at: string;
	updated_at: string;
	created_by: string | null;
	updated_by: string | null;
}

/** An envelope in form, though nothing would open it. */
export function envelope(changes: Record<string, unknown> = {}): Record<string, unknown> {
	return {
		v: 1,
		alg: 'A256GCM',
		kid: '2026-11',
		kc: 'commitment',
		iv: 'nonce',
		ct: randomUUID(),
		...changes,
	};
}

/** What Postgres answered to a statement that it must refuse. */
export async function refusal(work: Promise<unknown>): Promise<DatabaseError> {
	try {
		await work;
	} catch (error) {
		if (error instanceof DatabaseError) return error;
		throw error;
	}
	throw new Error('the statement was not refused');
}
