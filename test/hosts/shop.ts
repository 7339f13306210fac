import { cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PrismaPg } from '@prisma/adapter-pg';
import { build } from 'esbuild';
import { Client } from 'pg';
import { destinationsExtension } from '../../src/prisma/extension/destinations-extension.ts';
import { succeed } from '../packaging/command.ts';
import { hashOf, madeOnce, root } from '../packaging/made-once.ts';
import { createTestDatabase } from '../support/database.ts';
import { newKeys } from '../support/encryption.ts';

/** A client of the shop's, with operations that take anything. */
export type ShopClient = Record<
	'organisation' | 'person' | 'order' | 'delivery' | 'rate' | 'destination',
	Record<Operation, (args?: unknown) => ShopPromise>
> & {
	$extends(extension: unknown): ShopClient;
	$transaction(work: ((transaction: ShopClient) => Promise<Row>) | Promise<Row>[]): Promise<Row>;
	$disconnect(): Promise<void>;
};

type Operation =
	| `find${'Unique' | 'First'}${'' | 'OrThrow'}`
	| `${'create' | 'update'}${'' | 'Many' | 'ManyAndReturn'}`
	| `delete${'' | 'Many'}`
	| ('findMany' | 'upsert' | 'count' | 'aggregate' | 'groupBy');

type Relation = 'organization' | 'tenant' | 'parent' | 'destinations' | 'destination';

/** A promise of Prisma's, of rows that have whatever members. */
type ShopPromise = Promise<Row> & Record<Relation, (args?: unknown) => ShopPromise>;
export type Row = ReturnType<typeof JSON.parse>;

type Generated = { PrismaClient: new (options: object) => ShopClient };

type Database = Awaited<ReturnType<typeof createTestDatabase>>;

/** The client that Prisma's command makes of a folder of schemas, as one file of JavaScript. */
export async function generatedClient(schema: string): Promise<Generated> {
	const folder = await madeOnce(
		'shop',
		await hashOf(schema, 'package-lock.json'),
		async (unfinished) => {
			await cp(join(root, schema), join(unfinished, 'schema'), { recursive: true });
			const file = 'node_modules/prisma/build/index.js';
			const command = ['node', file, 'generate', '--schema', join(unfinished, 'schema')] as const;
			await succeed([...command], { cwd: root });
			await build({
				entryPoints: [join(unfinished, 'generated/client.ts')],
				outfile: join(unfinished, 'client.cjs'),
				bundle: true,
				platform: 'node',
				format: 'cjs',
				packages: 'external',
				logLevel: 'error',
				// Jest has no import() in the files that it loads.
				supported: { 'dynamic-import': false },
			});
		},
	);
	return require(join(folder, 'client.cjs'));
}

/** The database and the clients of a service that had tables, models and a Prisma client before this package. */
export class Shop {
	readonly keys = newKeys();
	readonly #database: Database;
	readonly #generated: Generated;
	readonly #raw: Client;
	readonly #clients: ShopClient[] = [];

	private constructor(database: Database, generated: Generated) {
		this.#database = database;
		this.#generated = generated;
		this.#raw = new Client({ connectionString: database.connectionString });
	}

	static async open(): Promise<Shop> {
		const [database, generated, migration] = await Promise.all([
			createTestDatabase(),
			generatedClient('test/hosts/shop/schema'),
			readFile(join(root, 'test/hosts/shop/migration.sql'), 'utf8'),
		]);
		const shop = new Shop(database, generated);
		await shop.#raw.connect();
		await shop.#raw.query(migration);
		return shop;
	}

	/** A plain client, as the service has it. */
	connect(options: object = {}): ShopClient {
		const { connectionString } = this.#database;
		const client = new this.#generated.PrismaClient({
			adapter: new PrismaPg({ connectionString, options: '-c TimeZone=UTC' }),
			...options,
		});
		this.#clients.push(client);
		return client;
	}

	extend(client: ShopClient = this.connect()): ShopClient {
		return client.$extends(destinationsExtension({ keys: this.keys }));
	}

	async sql(text: string, values: unknown[] = []): Promise<Row[]> {
		return (await this.#raw.query(text, values)).rows;
	}

	async close(): Promise<void> {
		await Promise.all(this.#clients.map((client) => client.$disconnect()));
		await this.#raw.end();
		await this.#database.drop();
	}
}
