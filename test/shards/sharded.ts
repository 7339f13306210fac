import { Client } from 'pg';
import {
	createDestinationsClient,
	type DestinationsClient,
	type DestinationsClientOptions,
} from '../../src/index.ts';
import { cloneTemplate, type TestDatabase } from '../../src/testing/test-database.ts';
import { testServer } from '../support/database.ts';
import { newKeys } from '../support/encryption.ts';

/** A database, and a connection to it past every scope. */
class Shard {
	readonly database: TestDatabase;
	readonly admin: Client;

	constructor(database: TestDatabase) {
		this.database = database;
		this.admin = new Client({ connectionString: database.connectionString });
	}

	get url(): string {
		return this.database.logins.connectionString;
	}

	/** As `shards` takes it. */
	get option() {
		const { connectionString, serviceConnectionString } = this.database.logins;
		return { connectionString, serviceConnectionString };
	}
}

/** A service whose organizations are on three databases, and the same service on one. */
export class Sharded implements AsyncDisposable {
	readonly keys = newKeys();
	readonly shards: readonly Shard[];
	/** With all organizations. */
	readonly one: Shard;
	readonly db: DestinationsClient;
	readonly oneDb: DestinationsClient;
	/** The number of each organization's shard. */
	readonly places = new Map<string, number>();
	readonly #clients: DestinationsClient[] = [];

	private constructor([one, ...shards]: readonly [Shard, ...Shard[]]) {
		this.one = one;
		this.shards = shards;
		this.db = this.open();
		this.oneDb = createDestinationsClient({ ...one.option, keys: this.keys });
		this.#clients.push(this.oneDb);
	}

	static async open(): Promise<Sharded> {
		const shard = async () => new Shard(await cloneTemplate(testServer()));
		const sharded = new Sharded([await shard(), await shard(), await shard(), await shard()]);
		await Promise.all([sharded.one, ...sharded.shards].map(({ admin }) => admin.connect()));
		return sharded;
	}

	/** Another client of the three. */
	open(options: Partial<DestinationsClientOptions> = {}): DestinationsClient {
		const db = createDestinationsClient({
			shards: this.shards.map(({ option }) => option),
			route: this.route,
			keys: this.keys,
			...options,
		});
		this.#clients.push(db);
		return db;
	}

	readonly route = (organizationId: string): string => {
		const place = this.places.get(organizationId);
		return this.shards[place ?? -1]?.url ?? '';
	};

	shard(place: number): Shard {
		const shard = this.shards[place];
		if (shard === undefined) throw new Error(`there is no shard ${place}`);
		return shard;
	}

	/** An organization on a shard, and on the one database. */
	async newOrganization(place: number): Promise<string> {
		const { rows } = await this.one.admin.query(
			'INSERT INTO organizations DEFAULT VALUES RETURNING id',
		);
		const { id } = rows[0];
		await this.shard(place).admin.query('INSERT INTO organizations (id) VALUES ($1)', [id]);
		this.places.set(id, place);
		return id;
	}

	/** A user on every database. */
	async newUser(): Promise<string> {
		const { rows } = await this.one.admin.query('INSERT INTO users DEFAULT VALUES RETURNING id');
		const { id } = rows[0];
		for (const { admin } of this.shards) {
			await admin.query('INSERT INTO users (id) VALUES ($1)', [id]);
		}
		return id;
	}

	/** How many rows a table has on each shard. */
	async counts(table: string, where = 'true'): Promise<number[]> {
		const text = `SELECT count(*)::int FROM ${table} WHERE ${where}`;
		return Promise.all(
			this.shards.map(async ({ admin }) => (await admin.query(text)).rows[0].count),
		);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await Promise.all(this.#clients.map((db) => db.close()));
		for (const { admin, database } of [this.one, ...this.shards]) {
			await admin.end();
			await database.stop();
		}
	}
}
