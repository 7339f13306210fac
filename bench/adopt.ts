import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { formerSql } from '../test/adoption/former-sql.ts';
import type { AdoptionReport } from './adopting-process.ts';
import { withDatabase } from './database.ts';
import { quantile, quick } from './measure.ts';
import type { Report } from './report.ts';

const rows = quick ? 20_000 : 1_000_000;
const writers = 4;
/** What a writer waits between two writes. */
const pauseMs = 5;
const aloneMs = quick ? 1_000 : 10_000;

/** How fast a table is adopted that others write to, and how long they wait for it. */
export async function benchAdopt(): Promise<Report> {
	return withDatabase(async ({ admin, connectionString }) => {
		await admin.query('CREATE DATABASE former');
		const url = new URL(connectionString);
		url.pathname = '/former';
		const ids = await fill(url.href);
		const alone = new Traffic(url.href, ids);
		await delay(aloneMs);
		const before = await alone.stop();
		const traffic = new Traffic(url.href, ids);
		const adopted = await adoptInProcess(url.href);
		const during = await traffic.stop();
		if (adopted.outcome !== 'adopted') throw new Error(`the table was ${adopted.outcome}`);
		const copied = adopted.rows.plaintext + adopted.rows.sealed + adopted.rows.empty;
		return {
			title: 'Adopting a table',
			figures: [
				{
					name: `adopt ${rows} rows`,
					value: copied / adopted.copySeconds,
					unit: 'rows/s',
					bound: undefined,
					detail: `${adopted.seconds.toFixed(0)} s in all, with a first look at each row, beside ${writers} writers`,
				},
				{
					name: 'adopt: the table is locked',
					value: (adopted.lockedSeconds ?? Number.POSITIVE_INFINITY) * 1000,
					unit: 'ms',
					bound: { atMost: 100 },
					detail: 'once, when the new tables take its place',
				},
				{
					name: 'adopt: the longest wait of a writer',
					value: during.reduce((most, one) => Math.max(most, one), 0),
					unit: 'ms',
					bound: { atMost: 100 },
					detail: `of ${during.length} writes, p99 ${quantile(during, 0.99).toFixed(1)} ms; without an adoption ${before.reduce((most, one) => Math.max(most, one), 0).toFixed(0)} ms of ${before.length}, p99 ${quantile(before, 0.99).toFixed(1)} ms`,
				},
			],
		};
	});
}

/** A table of the ticket's SQL with its indexes, full of rows in plaintext. Returns ids that writers may change. */
async function fill(url: string): Promise<string[]> {
	const client = new Client({ connectionString: url });
	await client.connect();
	try {
		const indexes = formerSql.match(/^CREATE (UNIQUE )?INDEX .*$/gm) ?? [];
		await client.query(indexes.reduce((sql, index) => sql.replace(index, ''), formerSql));
		await client.query(`INSERT INTO organizations SELECT FROM generate_series(1, $1)`, [
			Math.ceil(rows / 18),
		]);
		await client.query(
			`INSERT INTO destinations (organization_id, type, name, environment, settings, deleted_at)
			 SELECT o.id, 'posthog', 'row', e, jsonb_build_object('apiKey', 'phc_' || repeat('a', 43),
				'host', 'https://eu.i.posthog.com', 'enableServerSide', true, 'enableClientSide', true),
				CASE WHEN copy > 1 THEN now() END
			 FROM organizations AS o, unnest(ARRAY['development', 'staging', 'production']) AS e,
				generate_series(1, 6) AS copy
			 LIMIT $1`,
			[rows],
		);
		for (const index of indexes) await client.query(index);
		await client.query('VACUUM ANALYZE destinations');
		const found = await client.query<{ id: string }>(
			'SELECT id FROM destinations ORDER BY random() LIMIT 5000',
		);
		return found.rows.map(({ id }) => id);
	} finally {
		await client.end();
	}
}

/** Writers of the application before, who measure how long each write takes. */
class Traffic {
	readonly #url: string;
	readonly #times: number[] = [];
	readonly #working: Promise<void>[];
	#stopped = false;

	constructor(url: string, ids: readonly string[]) {
		this.#url = url;
		this.#working = Array.from({ length: writers }, (_, n) =>
			this.#write(ids.filter((_id, index) => index % writers === n)),
		);
	}

	/** Returns the times of all writes, in milliseconds. */
	async stop(): Promise<number[]> {
		this.#stopped = true;
		await Promise.all(this.#working);
		return this.#times;
	}

	async #write(ids: readonly string[]): Promise<void> {
		const client = new Client({ connectionString: this.#url });
		await client.connect();
		for (let n = 0; !this.#stopped; n += 1) {
			const start = performance.now();
			await client.query('UPDATE destinations SET name = $2 WHERE id = $1', [
				ids[n % ids.length],
				`w ${n}`,
			]);
			this.#times.push(performance.now() - start);
			await delay(pauseMs);
		}
		await client.end();
	}
}

async function adoptInProcess(connectionString: string): Promise<AdoptionReport> {
	const child = fork(fileURLToPath(new URL('adopting-process.ts', import.meta.url)), {
		execArgv: ['--import', 'tsx'],
	});
	const ended = once(child, 'message');
	const died = once(child, 'exit').then(([status]) => {
		throw new Error(`The adopting process ended with ${status}`);
	});
	died.catch(() => {});
	child.send({ connectionString, keys: `a:${randomBytes(32).toString('hex')}` });
	const [report] = await Promise.race([ended, died]);
	return report;
}
