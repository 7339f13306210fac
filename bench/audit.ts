import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { migrateDeploy } from '../scripts/migrate-deploy.ts';
import { createDestinationsClient } from '../src/index.ts';
import { type BenchDatabase, withDatabase } from './database.ts';
import { type Measured, measure, quantile } from './measure.ts';
import type { Figure, Report } from './report.ts';
import { fillWithoutIndexes } from './without-indexes.ts';

const rowsAtOnce = 10_000;
const versionsOfOne = 50;

/** What the log costs writers, against the same tables without it, and what its length costs readers. */
export function benchAudit(): Promise<Report> {
	return withDatabase(async (logged) => {
		const unlogged = await createTwin(logged, 'without_log');
		try {
			await unlogged.admin.query(`
				ALTER TABLE destinations DISABLE TRIGGER trigger_log_created_destinations;
				ALTER TABLE destinations DISABLE TRIGGER trigger_log_changed_destinations;
				ALTER TABLE destinations DISABLE TRIGGER trigger_log_purged_destinations;
				ALTER TABLE destinations DISABLE TRIGGER trigger_keep_replaced_destination_settings`);
			for (const database of [logged, unlogged]) await fill(database);
			const figures = [
				await measureOneUpdate(logged, unlogged),
				await measureManyRows(logged, unlogged),
				...(await measureHistory(logged, unlogged)),
			];
			return { title: 'The audit log, against the same tables without it', figures };
		} finally {
			await unlogged.admin.end();
		}
	});
}

/** A second database on the server, with the migrations. */
async function createTwin({ connectionString, admin }: BenchDatabase, name: string) {
	await admin.query(`CREATE DATABASE ${name}`);
	const url = new URL(connectionString);
	url.pathname = `/${name}`;
	await migrateDeploy(fileURLToPath(new URL('..', import.meta.url)), url.href);
	const twin = new Client({ connectionString: url.href });
	await twin.connect();
	return { connectionString: url.href, admin: twin };
}

/** As many rows as one statement is to change, five of an organization. */
async function fill({ admin }: BenchDatabase): Promise<void> {
	await admin.query(`ALTER TABLE destinations SET (autovacuum_enabled = off)`);
	await admin.query(`
		INSERT INTO organizations SELECT FROM generate_series(1, ${rowsAtOnce / 5});
		INSERT INTO destinations (organization_id, type, name)
			SELECT id, type, 'bench' FROM organizations, unnest(
				ARRAY['posthog', 'meta-pixel', 'google-analytics', 'mixpanel', 'amplitude']) AS type`);
	await admin.query('VACUUM ANALYZE');
}

/** One statement that changes the name of one row, as an organization, over a connection kept open. */
async function measureOneUpdate(logged: BenchDatabase, unlogged: BenchDatabase): Promise<Figure> {
	const variants = await Promise.all(
		[unlogged, logged].map(async ({ connectionString, admin }) => {
			const { rows } = await admin.query<{ id: string; organization: string }>(
				'SELECT id, organization_id AS organization FROM destinations ORDER BY id LIMIT 1000',
			);
			const client = new Client({ connectionString });
			await client.connect();
			let turn = 0;
			const run = async () => {
				turn += 1;
				const { id, organization } = rows[turn % rows.length] ?? { id: '', organization: '' };
				// In one message, so in one transaction and one round trip, as the scoped client does it.
				await client.query(`
					SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims',
						'{"role":"authenticated","organization_id":"${organization}"}', true);
					UPDATE destinations SET name = 'name ${turn}' WHERE id = '${id}'`);
			};
			return { name: connectionString, run, close: () => client.end() };
		}),
	);
	const [without, log] = variants;
	if (without === undefined || log === undefined) throw new Error('Nothing to measure');
	try {
		const measured = await measure([without, log], { rounds: 40, repeats: 100 });
		return ratioFigure('update one row', measured, 1.35, '× without the log');
	} finally {
		for (const { close } of variants) await close();
	}
}

/** One statement that changes 10,000 rows. Dead rows are removed between two turns. */
async function measureManyRows(logged: BenchDatabase, unlogged: BenchDatabase): Promise<Figure> {
	const time = async ({ admin }: BenchDatabase): Promise<number> => {
		const start = performance.now();
		const { rowCount } = await admin.query('UPDATE destinations SET test_mode = NOT test_mode');
		const took = performance.now() - start;
		if (rowCount !== rowsAtOnce) throw new Error(`${rowCount} rows were changed`);
		await admin.query('VACUUM destinations');
		return took;
	};
	for (const database of [unlogged, logged, unlogged, logged]) await time(database);
	const times: { without: number; log: number }[] = [];
	for (let round = 0; round < 10; round += 1) {
		const first = await time(round % 2 === 0 ? unlogged : logged);
		const second = await time(round % 2 === 0 ? logged : unlogged);
		times.push(round % 2 === 0 ? { without: first, log: second } : { without: second, log: first });
	}
	const ratios = times.map(({ without, log }) => log / without);
	const median = (values: number[]) => quantile(values, 0.5).toFixed(0);
	return {
		name: `update ${rowsAtOnce} rows`,
		value: quantile(ratios, 0.5),
		unit: '× without the log',
		bound: { atMost: 2 },
		detail: `${median(times.map(({ log }) => log))} ms against ${median(times.map(({ without }) => without))} ms; middle half of the ratios ${quantile(ratios, 0.25).toFixed(2)} to ${quantile(ratios, 0.75).toFixed(2)}`,
	};
}

/** The first page, of 25 versions, of one destination of 50, in a short log and in a long one. */
async function measureHistory(long: BenchDatabase, short: BenchDatabase): Promise<Figure[]> {
	const keys = `bench:${'4f'.repeat(31)}50`;
	const open = async (database: BenchDatabase, entries: number) => {
		const all = await fillLog(database, entries);
		const db = createDestinationsClient({ connectionString: database.connectionString, keys });
		/** Reads one of `count` destinations after the other, which are as far apart as can be. */
		const reading = (name: string, count: number) => {
			const step = all.length / count;
			let turn = 0;
			return {
				name,
				run: async () => {
					// Far from the one before, and round after round each once.
					turn = (turn + 7919) % count;
					const { id, organization } = all[turn * step] ?? { id: '', organization: '' };
					const { items } = await db.forOrganization(organization).destinations.history(id);
					if (items.length !== 25) throw new Error(`${items.length} versions`);
				},
			};
		};
		return { reading, close: () => db.close() };
	};
	const few = await open(short, 5_000);
	const many = await open(long, 5_000_000);
	try {
		// As many destinations of either, so that memory holds as much of either log.
		const measured = await measure(
			[
				few.reading('5,000', 100),
				many.reading('5,000,000', 100),
				many.reading('5,000,000, from disk', 100_000),
			],
			{ rounds: 40, repeats: 20 },
		);
		const [base, warm, cold] = measured;
		if (base === undefined || warm === undefined || cold === undefined) throw new Error('Nothing');
		const { bound: _, ...fromDisk } = ratioFigure(
			'history that is not in memory',
			[base, cold],
			0,
			'× among 5,000',
		);
		return [
			ratioFigure('history among 5,000,000 entries', [base, warm], 2, '× among 5,000'),
			{ ...fromDisk, bound: undefined },
		];
	} finally {
		await few.close();
		await many.close();
	}
}

/** A log of destinations with 50 versions each, one after the other: those of one are far apart. */
async function fillLog({ admin }: BenchDatabase, entries: number) {
	await admin.query(`
		ALTER TABLE destination_audit_log DISABLE TRIGGER USER;
		TRUNCATE destination_audit_log;
		ALTER TABLE destination_audit_log SET UNLOGGED;
		CREATE TABLE IF NOT EXISTS bench_destinations AS
			SELECT gen_random_uuid() AS id, gen_random_uuid() AS organization, number
			  FROM generate_series(1, ${entries / versionsOfOne}) AS number`);
	await fillWithoutIndexes(admin, ['destination_audit_log'], async () => {
		for (let version = 1; version <= versionsOfOne; version += 1) {
			await admin.query(
				`INSERT INTO destination_audit_log
					(organization_id, destination_id, version, action, settings_changed, changes, role, login, transaction_id)
				 SELECT organization, id, $1::integer, CASE $1 WHEN 1 THEN 'created' ELSE 'updated' END, false,
				        jsonb_build_object('name', jsonb_build_object('old', 'name ' || $1 - 1, 'new', 'name ' || $1)),
				        'authenticated', 'postgres', $1
				   FROM bench_destinations ORDER BY number`,
				[version],
			);
		}
	});
	await admin.query('VACUUM ANALYZE destination_audit_log');
	const { rows } = await admin.query<{ id: string; organization: string }>(
		'SELECT id, organization FROM bench_destinations ORDER BY number',
	);
	return rows;
}

function ratioFigure(
	name: string,
	[base, other]: Measured[],
	atMost: number,
	unit: string,
): Figure {
	if (base === undefined || other === undefined) throw new Error('Nothing was measured');
	return {
		name,
		value: other.ratio,
		unit,
		bound: { atMost },
		detail: `${other.median.toFixed(3)} ms against ${base.median.toFixed(3)} ms; middle half of the ratios ${other.ratioLow.toFixed(2)} to ${other.ratioHigh.toFixed(2)}`,
	};
}
