import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** Tables whose rows belong to organizations, by the column that names it. */
const columns = {
	organizations: 'id',
	destinations: 'organization_id',
	destination_audit_log: 'organization_id',
	destination_settings_history: 'organization_id',
	destination_data_keys: 'organization_id',
} as const;

const shardCount = 2;

interface PlanNode {
	readonly 'Relation Name'?: string;
	readonly Plans?: readonly PlanNode[];
}

/**
 * A database in which each of those tables is partitioned by organization, all of them alike: what a partition is here is a shard or
 * a server elsewhere. Without row level security, so that nothing but what a statement says tells where its rows are.
 */
export class Shards implements AsyncDisposable {
	readonly #database: TestDatabase;
	readonly #admin: Client;

	private constructor(database: TestDatabase, admin: Client) {
		this.#database = database;
		this.#admin = admin;
	}

	static async open(): Promise<Shards> {
		const database = await createTestDatabase();
		const admin = new Client({ connectionString: database.connectionString });
		await admin.connect();
		for (const [table, column] of Object.entries(columns)) {
			await admin.query(`
				ALTER TABLE public.${table} RENAME TO whole;
				CREATE TABLE public.${table} (LIKE public.whole INCLUDING DEFAULTS) PARTITION BY HASH (${column});
				DROP TABLE public.whole CASCADE`);
			for (let shard = 0; shard < shardCount; shard += 1) {
				await admin.query(
					`CREATE TABLE public.${table}_shard_${shard} PARTITION OF public.${table}
					 FOR VALUES WITH (MODULUS ${shardCount}, REMAINDER ${shard})`,
				);
			}
		}
		// What ON CONFLICT of their insertion names.
		await admin.query(
			'ALTER TABLE public.destination_data_keys ADD UNIQUE (organization_id, generation)',
		);
		return new Shards(database, admin);
	}

	/** The shards whose rows a statement reads or changes, by EXPLAIN; a row that it inserts names its own. */
	async reachedBy({ text, values }: SentStatement): Promise<readonly string[]> {
		// No table that is spread has a unique key without the organization. What is inserted names its own.
		if (/^INSERT .* ON CONFLICT \("id"\)/.test(text)) return [];
		const { rows } = await this.#admin.query(`EXPLAIN (FORMAT JSON) ${text}`, [...values]);
		const relations = relationsIn(rows[0]['QUERY PLAN'][0].Plan);
		return [...new Set(relations.flatMap((name) => /_shard_(\d)$/.exec(name)?.[1] ?? []))];
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#admin.end();
		await this.#database.drop();
	}
}

function relationsIn(node: PlanNode): string[] {
	const own = node['Relation Name'];
	return [...(own === undefined ? [] : [own]), ...(node.Plans ?? []).flatMap(relationsIn)];
}

/** A statement as it went out, without what sets its scope. */
export interface SentStatement {
	readonly text: string;
	readonly values: readonly unknown[];
}
