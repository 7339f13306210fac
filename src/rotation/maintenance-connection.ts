import { Client, type ClientConfig } from 'pg';
import { placeOf, withDatabaseAddress } from '../database/database-address.ts';
import { checkClientOptions } from '../database/pg-options.ts';
import { sqlStateOf } from '../database/sql-errors.ts';
import { mayNotSwitch, translated, translateErrors } from '../database/translate-errors.ts';
import { currentOperation } from '../telemetry/operation.ts';
import { Operations } from '../telemetry/operations.ts';
import type { SealedSettingsOptions } from './options.ts';
import type { Statement } from './statements.ts';

/**
 * A connection on which every statement runs as service_role, in a transaction of its own. All of its
 * settings end with the transaction, so that it works through a pooler too.
 */
export class MaintenanceConnection implements AsyncDisposable {
	/** Whether the tables are distributed by Citus. */
	readonly citus: boolean;
	readonly #client: Client;

	private constructor(client: Client, citus: boolean) {
		this.#client = client;
		this.citus = citus;
	}

	static async open(options: Address): Promise<MaintenanceConnection> {
		const client = new Client(serviceConfig(options));
		// A lost connection fails the statement that waits for it; Node would end the process besides.
		client.on('error', () => {});
		await translateErrors(client.connect());
		const { rows } = await translateErrors(client.query<{ citus: boolean }>(isDistributed));
		return new MaintenanceConnection(client, rows[0]?.citus === true);
	}

	/** Runs one statement and returns its rows. @param settings SQL that sets what the statement needs. */
	async run<Row extends object>({ text, values }: Statement, settings = ''): Promise<Row[]> {
		await this.#client
			.query(`${begin}${this.citus ? propagate : ''}${claims}${settings}`)
			.catch((error: unknown) => {
				const refused = error instanceof Error && sqlStateOf(error) === '42501';
				throw refused ? mayNotSwitch('service_role', error) : translated(error);
			});
		const operation = currentOperation();
		operation?.sent(text);
		try {
			const { rows } = await this.#client.query<Row>(text, values);
			if (operation !== undefined) operation.rows += rows.length;
			await this.#client.query('COMMIT');
			return rows;
		} catch (error) {
			if (operation !== undefined) operation.sqlState = sqlStateOf(error);
			// The statement's error says what went wrong; a connection that is gone rolls back by itself.
			await this.#client.query('ROLLBACK').catch(() => {});
			throw translated(error);
		}
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#client.end();
	}
}

/**
 * Pages are found by the primary key and in no other way: a table without statistics must not make the
 * planner read all of it for each page.
 */
export const byPrimaryKey = 'SET LOCAL enable_seqscan = off;';

/** Whether prisma/scale/citus.sql was run, which made that function. */
export const isDistributed = `SELECT EXISTS (SELECT FROM pg_catalog.pg_proc
	WHERE pronamespace = 'public'::pg_catalog.regnamespace AND proname = 'destinations_changed_here') AS citus`;

/** Workers learn of what SET LOCAL sets behind this. Not of the role: as that the coordinator connects to them. */
const propagate = `SET LOCAL citus.propagate_set_commands = 'local';`;

const begin = 'BEGIN; SET LOCAL ROLE service_role;';
const claims = `SET LOCAL "request.jwt.claims" = '{"role":"service_role"}';`;

/** What pg is to connect with. @throws ConfigurationError if there is nothing to connect to. */
export function clientConfig(
	{ connectionString, connection }: Address,
	variable = 'DATABASE_URL',
): ClientConfig {
	return {
		application_name: 'consent-destinations',
		...withDatabaseAddress(
			connectionString,
			checkClientOptions('`connection`', connection),
			'connection',
			variable,
		),
	};
}

type Address = Pick<SealedSettingsOptions, 'connectionString' | 'connection'>;

/** The same for what works as the service, which may have a login of its own. */
export function serviceConfig(address: Address): ClientConfig {
	const hasOwn = Boolean(process.env.DATABASE_SERVICE_URL);
	return clientConfig(address, hasOwn ? 'DATABASE_SERVICE_URL' : 'DATABASE_URL');
}

/** Where a run is an operation, of the name that its function has. */
export function maintenanceOperations(options: SealedSettingsOptions): Operations {
	return new Operations(placeOf(serviceConfig(options)));
}
