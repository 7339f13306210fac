import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { migrateDeploy } from '../scripts/migrate-deploy.ts';
import { type BenchDatabase, withDatabase } from './database.ts';
import { Actors } from './indexes/actors.ts';
import { type Filled, fill } from './indexes/fill.ts';
import { measureGrowth } from './indexes/growth.ts';
import { type IndexUse, indexUses } from './indexes/index-uses.ts';
import { measureHotUpdates, measurePrices, type Price } from './indexes/prices.ts';
import type { Figure, Report } from './report.ts';

/** The sizes of the table; the last may be given as BENCH_INDEX_ROWS, for a shorter run. */
const largestRows = Number(process.env.BENCH_INDEX_ROWS ?? 5_000_000);
const smallRows = 10_000;
const middleRows = Math.min(1_000_000, largestRows / 2);

/** What each index is for, what it costs, and whether reads stay as fast while the table grows. */
export function benchIndexes(): Promise<Report> {
	return withDatabase(async (server) => {
		await server.admin.query(`ALTER SYSTEM SET max_wal_size = '32GB'`);
		// It would begin while a table is filled. They are vacuumed when they are full.
		await server.admin.query('ALTER SYSTEM SET autovacuum = off');
		await server.admin.query('SELECT pg_reload_conf()');
		const key = { id: 'bench', bytes: randomBytes(32) };
		const figures: Figure[] = [];
		const sizes: { filled: Filled; actors: Actors; connectionString: string }[] = [];
		try {
			for (const rows of [smallRows, middleRows, largestRows]) {
				const connectionString = await createDatabase(server, rows);
				const start = performance.now();
				// What writes cost is measured at the middle size.
				const filled = await fill(connectionString, rows, key, { quick: rows !== middleRows });
				sizes.push({ filled, connectionString, actors: new Actors(connectionString, filled, key) });
				figures.push(loaded(rows, (performance.now() - start) / 1000));
			}
			const [small, middle, large] = sizes;
			if (small === undefined || middle === undefined || large === undefined)
				throw new Error('No sizes');
			figures.push(...(await measureGrowth(sizes.map(({ actors }) => actors))));
			const uses = await indexUses(large.connectionString, large.filled, key);
			// First, because writes that are taken back leave less room on the pages.
			figures.push(...(await measureHotUpdates(middle.connectionString)));
			const prices = await measurePrices(middle.connectionString);
			figures.push(...uses.map((use) => indexFigure(use, prices.get(use.name))));
			return { title: `Indexes, from ${smallRows} to ${largestRows} destinations`, figures };
		} finally {
			for (const { actors } of sizes) await actors[Symbol.asyncDispose]();
		}
	});
}

function loaded(rows: number, seconds: number): Figure {
	return {
		name: `load ${rows}`,
		value: seconds,
		unit: 's',
		bound: undefined,
		detail: 'with the log, the history and every index',
	};
}

function indexFigure(use: IndexUse, price: Price | undefined): Figure {
	const costs =
		price === undefined
			? 'of a constraint'
			: `an insert ${cost(price.insert)}, an update ${cost(price.update)}`;
	const users = use.operations.length === 0 ? 'nothing here' : use.operations.join(', ');
	return {
		name: use.name,
		value: use.megabytes,
		unit: 'MB',
		bound: undefined,
		detail: `${costs}; used by: ${users}`,
	};
}

function cost({ percent, walBytes }: Price['insert']): string {
	return `${percent < 0 ? '−' : '+'}${Math.abs(percent).toFixed(1)} % and ${walBytes.toFixed(0)} bytes of WAL`;
}

/** A migrated database of its own on the server. */
async function createDatabase({ connectionString, admin }: BenchDatabase, rows: number) {
	await admin.query(`CREATE DATABASE rows_${rows}`);
	const url = new URL(connectionString);
	url.pathname = `/rows_${rows}`;
	await migrateDeploy(fileURLToPath(new URL('..', import.meta.url)), url.href);
	return url.href;
}
