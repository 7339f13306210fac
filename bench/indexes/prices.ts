import { Client } from 'pg';
import { quantile } from '../measure.ts';
import type { Figure } from '../report.ts';

/** What an index adds to a write. */
export interface Price {
	readonly insert: Cost;
	/** Of one that writes to every index. */
	readonly update: Cost;
}

interface Cost {
	/** Of the time without it. */
	readonly percent: number;
	/** Bytes of write-ahead log for a row: they do not depend on how busy the machine is. */
	readonly walBytes: number;
}

const batch = 500;
const rounds = 3;
/** The usual updates, and what each sets. */
const updates = {
	rename: `name = 'Name ' || random()`,
	'rename, by another than the last editor': `name = 'Name ' || random(), updated_by = (SELECT id FROM users LIMIT 1)`,
	'save a connection test': `last_tested_at = now(), connection_status = 'connected', last_error = NULL`,
	'replace settings': `settings = settings || jsonb_build_object('ct', repeat('q', 220) || random())`,
	'switch on or off': 'enabled = NOT enabled',
	'soft-delete': 'deleted_at = now()',
};

/**
 * With and without each index in turns, in transactions that are rolled back: 500 rows by one statement, triggers,
 * CHECKs and the log included, so that nothing of a round trip hides the price.
 */
export async function measurePrices(connectionString: string): Promise<Map<string, Price>> {
	const writer = await Writer.open(connectionString);
	try {
		const prices = new Map<string, Price>();
		for (const index of await writer.droppableIndexes()) {
			const price = async (sql: () => string): Promise<Cost> => {
				const kept: Run[] = [];
				const without: Run[] = [];
				for (let round = 0; round < rounds; round += 1) {
					const order = round % 2 === 0 ? [undefined, index] : [index, undefined];
					for (const dropped of order) {
						(dropped === undefined ? kept : without).push(await writer.time(sql(), dropped));
					}
				}
				const walBytes = median(kept, 'walBytes') - median(without, 'walBytes');
				return { percent: (fastest(kept) / fastest(without) - 1) * 100, walBytes };
			};
			prices.set(index, {
				insert: await price(() => writer.insert()),
				update: await price(() => writer.update(updates['switch on or off'])),
			});
		}
		return prices;
	} finally {
		await writer.close();
	}
}

/** How many of the usual updates stay on their page, and write to no index. */
export async function measureHotUpdates(connectionString: string): Promise<Figure[]> {
	const writer = await Writer.open(connectionString);
	try {
		const figures: Figure[] = [];
		const gin = 'idx_destinations_settings_gin';
		const variants: [string, string, string?][] = [
			...Object.entries(updates),
			[`replace settings, without ${gin}`, updates['replace settings'], gin],
		];
		for (const [name, assignments, dropped] of variants) {
			const runs: Run[] = [];
			for (let round = 0; round < rounds; round += 1) {
				runs.push(await writer.time(writer.update(assignments), dropped));
			}
			figures.push({
				name: `HOT updates: ${name}`,
				value: (100 * median(runs, 'hot')) / batch,
				unit: '%',
				bound: undefined,
				detail: `${((1000 * fastest(runs)) / batch).toFixed(0)} µs and ${median(runs, 'walBytes').toFixed(0)} bytes of WAL a row, the log's entry included`,
			});
		}
		return figures;
	} finally {
		await writer.close();
	}
}

class Writer {
	readonly #client: Client;
	#destinations: readonly string[] = [];
	#organizations: readonly string[] = [];
	#at = 0;

	private constructor(client: Client) {
		this.#client = client;
	}

	static async open(connectionString: string): Promise<Writer> {
		const client = new Client({ connectionString });
		await client.connect();
		const writer = new Writer(client);
		// Far apart, as what users change is.
		const pick = async (table: string, condition: string) => {
			const { rows } = await client.query<{ id: string }>(
				`SELECT id FROM ${table} AS picked TABLESAMPLE bernoulli (50) WHERE ${condition}
				  ORDER BY md5(id::text) LIMIT 50000`,
			);
			return rows.map(({ id }) => id);
		};
		// Nobody edited them last, and nobody edits them here: who does is in an index.
		writer.#destinations = await pick(
			'destinations',
			'deleted_at IS NULL AND settings_encrypted AND updated_by IS NULL',
		);
		writer.#organizations = await pick(
			'organizations',
			`NOT EXISTS (SELECT FROM destinations WHERE organization_id = picked.id AND type = 'amplitude')`,
		);
		return writer;
	}

	/** Not those of constraints, which are there for more than reads. */
	async droppableIndexes(): Promise<string[]> {
		const { rows } = await this.#client.query<{ name: string }>(
			`SELECT indexrelid::regclass::text AS name FROM pg_index
			  WHERE indrelid::regclass::text ~ '^destination(s|_audit_log|_settings_history)$'
			    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)`,
		);
		return rows.map(({ name }) => name);
	}

	insert(): string {
		return `INSERT INTO destinations (organization_id, type, name, settings)
			SELECT id, 'amplitude', 'Another', '${envelope}' FROM unnest('{${this.#next(this.#organizations)}}'::uuid[]) AS id`;
	}

	update(assignments: string): string {
		return `UPDATE destinations SET ${assignments} WHERE id = ANY ('{${this.#next(this.#destinations)}}')`;
	}

	#next(ids: readonly string[]): string[] {
		this.#at += batch;
		return Array.from({ length: batch }, (_, row) => ids[(this.#at + row) % ids.length] ?? '');
	}

	/** Runs a statement that changes a batch of rows, as service_role, and takes it back. */
	async time(sql: string, dropped?: string): Promise<Run> {
		await this.#client.query(
			`BEGIN; ${dropped === undefined ? '' : `DROP INDEX ${dropped};`}
			 SET LOCAL request.jwt.claims = '{"role":"service_role"}'; SET LOCAL ROLE service_role`,
		);
		const before = await this.#counters();
		const start = performance.now();
		const { rowCount } = await this.#client.query(sql);
		const took = performance.now() - start;
		const after = await this.#counters();
		await this.#client.query('ROLLBACK');
		if (rowCount !== batch) throw new Error(`${rowCount} rows were written`);
		return { took, hot: after.hot - before.hot, walBytes: (after.wal - before.wal) / batch };
	}

	async #counters(): Promise<{ hot: number; wal: number }> {
		const { rows } = await this.#client.query<{ hot: number; wal: number }>(
			`SELECT pg_stat_get_xact_tuples_hot_updated('destinations'::regclass)::integer AS hot,
			        (pg_current_wal_insert_lsn() - '0/0')::float8 AS wal`,
		);
		return rows[0] ?? { hot: 0, wal: 0 };
	}

	async close(): Promise<void> {
		await this.#client.end();
	}
}

interface Run {
	/** Milliseconds. */
	readonly took: number;
	/** Updates that wrote to no index. */
	readonly hot: number;
	/** Of one row. */
	readonly walBytes: number;
}

function median(runs: readonly Run[], of: 'hot' | 'walBytes'): number {
	return quantile(
		runs.map((run) => run[of]),
		0.5,
	);
}

/** What else the machine does can only make a run slower. */
function fastest(runs: readonly Run[]): number {
	return Math.min(...runs.map(({ took }) => took));
}

/** In form. */
const envelope = JSON.stringify({
	v: 1,
	alg: 'A256GCM',
	kid: 'bench',
	kc: 'c'.repeat(22),
	iv: 'i'.repeat(16),
	ct: 'q'.repeat(220),
});
