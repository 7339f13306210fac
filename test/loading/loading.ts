import { randomBytes, randomUUID } from 'node:crypto';
import { Client, type QueryResultRow } from 'pg';
import {
	createDestinationsClient,
	createDestinationsLoader,
	type DestinationsClient,
	type DestinationsLoader,
	type DestinationsLoaderOptions,
	type DestinationType,
	type Environment,
	type Keys,
} from '../../src/index.ts';
import { cloneTemplate, type TestDatabase } from '../../src/testing/test-database.ts';
import { testServer } from '../support/database.ts';
import { newKeys } from '../support/encryption.ts';

/** A database with a client that writes, and the loaders that a test opens on it. */
export class Loading implements AsyncDisposable {
	readonly database: TestDatabase;
	readonly keys: Keys;
	readonly db: DestinationsClient;
	/** The superuser, past every scope. */
	readonly admin: Client;
	readonly #loaders: DestinationsLoader[] = [];

	private constructor(database: TestDatabase, keys: Keys) {
		this.database = database;
		this.keys = keys;
		this.db = createDestinationsClient({ ...database.logins, keys });
		this.admin = new Client({ connectionString: database.connectionString });
		// A server that a test stops ends this connection, too.
		this.admin.on('error', () => {});
	}

	static async open(keys: Keys = newKeys()): Promise<Loading> {
		return Loading.on(await cloneTemplate(testServer()), keys);
	}

	static async on(database: TestDatabase, keys: Keys = newKeys()): Promise<Loading> {
		const loading = new Loading(database, keys);
		await loading.admin.connect();
		return loading;
	}

	/** A loader that was not started. It polls often, so that a test need not wait. */
	loader(options: DestinationsLoaderOptions = {}): DestinationsLoader {
		const loader = createDestinationsLoader({
			connectionString: this.database.logins.loaderConnectionString,
			keys: this.keys,
			pollIntervalMillis: 20,
			// Far more than what is waited for in a test, on any machine.
			maxStalenessMillis: 120_000,
			pool: {
				connectionTimeoutMillis: 120_000,
				query_timeout: 120_000,
				statement_timeout: 120_000,
			},
			...options,
		});
		this.#loaders.push(loader);
		return loader;
	}

	async started(options: DestinationsLoaderOptions = {}): Promise<DestinationsLoader> {
		const loader = this.loader(options);
		await loader.start();
		return loader;
	}

	async sql<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
		return (await this.admin.query<Row>(text, values)).rows;
	}

	async newOrganization(): Promise<string> {
		const [row] = await this.sql<{ id: string }>(
			'INSERT INTO organizations DEFAULT VALUES RETURNING id',
		);
		if (row === undefined) throw new Error('no organization');
		return row.id;
	}

	/** A destination that is enabled, in an organization of its own unless one is named. */
	async newDestination(
		given: {
			organizationId?: string;
			type?: DestinationType;
			environment?: Environment;
			apiKey?: string;
		} = {},
	) {
		const organizationId = given.organizationId ?? (await this.newOrganization());
		return this.db.forOrganization(organizationId).destinations.create({
			organizationId,
			type: 'posthog',
			name: 'EU project',
			environment: given.environment ?? 'production',
			settings: { apiKey: given.apiKey ?? newApiKey() },
			requiredConsent: ['measurement'],
		});
	}

	/** Each in an organization of its own. */
	async newDestinations(count: number) {
		const made = [];
		for (let at = 0; at < count; at += 1) made.push(await this.newDestination());
		return made;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await Promise.all(this.#loaders.map((loader) => loader.close()));
		await this.db.close();
		await this.admin.end();
		await this.database.stop();
	}
}

export function newApiKey(): string {
	return `phc_${randomBytes(12).toString('hex')}`;
}

export const unknownId = () => randomUUID();

/** Waits until something is so, and fails where it does not come to be. */
export async function until(
	isSo: () => unknown | Promise<unknown>,
	{ within = 60_000 } = {},
): Promise<void> {
	const end = performance.now() + within;
	while (!(await isSo())) {
		if (performance.now() > end) throw new Error(`not so within ${within} ms: ${isSo}`);
		await new Promise((resolve) => setTimeout(resolve, 5));
	}
}

/** Two whole polls more, of which the second began after this call. */
export async function settled(loader: DestinationsLoader): Promise<void> {
	const { polls } = loader.metrics();
	await until(() => loader.metrics().polls >= polls + 2);
}

export const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis));
