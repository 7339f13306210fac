import { Client } from 'pg';
import { createDestinationsClient, purgeExpired } from '../src/index.ts';
import { withDatabase } from './database.ts';
import { measure, often, quantile, quick } from './measure.ts';
import type { Figure, Report } from './report.ts';
import { fillWithoutIndexes } from './without-indexes.ts';

/** `BENCH_LOG_ENTRIES=100000000 npm run bench -- log`: some 330 bytes of disk an entry, indexes included, and as much for WAL. */
const entries = quick ? 10_000 : Number(process.env.BENCH_LOG_ENTRIES ?? 1_000_000);
const months = 12;
const versionsOfOne = 10;

/** What the log costs when it is long, against the same tables with an empty one; and what a month of it costs to remove. */
export function benchLog(): Promise<Report> {
	return withDatabase(async (full) =>
		withDatabase(async (empty) => {
			await fill(full.admin, entries);
			await fill(empty.admin, versionsOfOne * 100);
			const figures = [
				await insert(full, empty),
				await history(full, empty),
				...(await month(full)),
			];
			return {
				title: `The log of ${entries.toLocaleString('en-US')} entries of ${months} months, against one of a thousand`,
				figures,
			};
		}),
	);
}

interface Database {
	readonly connectionString: string;
	readonly admin: Client;
}

/** Destinations of ten versions each, a version of all of them after the other, over the months. */
async function fill(admin: Client, count: number): Promise<void> {
	const destinations = count / versionsOfOne;
	await admin.query(`
		ALTER TABLE destination_audit_log DISABLE TRIGGER USER;
		CREATE TABLE bench_destinations AS
			SELECT gen_random_uuid() AS id, gen_random_uuid() AS organization, number FROM generate_series(1, ${destinations}) AS number`);
	await fillWithoutIndexes(admin, ['destination_audit_log'], async () => {
		for (let version = 1; version <= versionsOfOne; version += 1) {
			await admin.query(
				`INSERT INTO destination_audit_log (organization_id, destination_id, version, action, settings_changed, changes,
					role, login, recorded_at, transaction_id)
				 SELECT organization, id, $1::integer, CASE $1 WHEN 1 THEN 'created' ELSE 'updated' END, false,
				        jsonb_build_object('name', jsonb_build_object('old', 'name ' || $1 - 1, 'new', 'name ' || $1)),
				        'authenticated', 'postgres',
				        now() - interval '1 month' * ${months} * (1 - (($1 - 1) * ${destinations}::float8 + number) / ${count}), 1
				   FROM bench_destinations ORDER BY number`,
				[version],
			);
		}
	});
	await admin.query('ALTER TABLE destination_audit_log ENABLE TRIGGER USER');
	await admin.query('VACUUM ANALYZE destination_audit_log');
	await admin.query('CHECKPOINT');
}

const setName = (id: string, organization: string, name: string) => `
	SELECT set_config('role', 'authenticated', true), set_config('request.jwt.claims',
		'{"role":"authenticated","organization_id":"${organization}"}', true);
	UPDATE destinations SET name = '${name}' WHERE id = '${id}'`;

async function oneDestination(admin: Client): Promise<{ id: string; organization: string }> {
	const { rows } = await admin.query<{ id: string; organization: string }>(`
		WITH made AS (INSERT INTO organizations DEFAULT VALUES RETURNING id)
		INSERT INTO destinations (organization_id, type, name) SELECT id, 'console', 'x' FROM made
		RETURNING id, organization_id AS organization`);
	const [row] = rows;
	if (row === undefined) throw new Error('Nothing was made');
	return row;
}

/** An update of one row, which writes an entry. */
async function insert(full: Database, empty: Database): Promise<Figure> {
	const variantOf = async ({ admin, connectionString }: Database, name: string) => {
		const { id, organization } = await oneDestination(admin);
		const client = new Client({ connectionString });
		await client.connect();
		let turn = 0;
		const run = async () => {
			turn += 1;
			await client.query(setName(id, organization, `name ${turn}`));
		};
		return { name, run, close: () => client.end() };
	};
	const variants = [await variantOf(empty, 'empty'), await variantOf(full, 'full')] as const;
	try {
		return ratio(
			'an update, which writes an entry',
			await measure(variants, { rounds: 30, repeats: 100 }),
			1.1,
		);
	} finally {
		for (const { close } of variants) await close();
	}
}

/** The versions of one destination, of a hundred others each time round. */
async function history(full: Database, empty: Database): Promise<Figure> {
	const keys = `bench:${'4f'.repeat(31)}50`;
	const variantOf = async ({ admin, connectionString }: Database, name: string) => {
		const { rows } = await admin.query<{ id: string; organization: string }>(
			'SELECT id, organization FROM bench_destinations ORDER BY number LIMIT 100',
		);
		const db = createDestinationsClient({ connectionString, keys });
		let turn = 0;
		const run = async () => {
			turn = (turn + 1) % rows.length;
			const { id, organization } = rows[turn] ?? { id: '', organization: '' };
			const { items } = await db.forOrganization(organization).destinations.history(id);
			if (items.length !== versionsOfOne) throw new Error(`${items.length} versions`);
		};
		return { name, run, close: () => db.close() };
	};
	const variants = [await variantOf(empty, 'empty'), await variantOf(full, 'full')] as const;
	try {
		return ratio(
			'history of one destination',
			await measure(variants, { rounds: 30, repeats: 50 }),
			1.5,
		);
	} finally {
		for (const { close } of variants) await close();
	}
}

function ratio(
	name: string,
	measured: Awaited<ReturnType<typeof measure>>,
	atMost: number,
): Figure {
	const [base, other] = measured;
	if (base === undefined || other === undefined) throw new Error('Nothing was measured');
	return {
		name,
		value: other.ratio,
		unit: '× with an empty log',
		bound: { atMost },
		detail: `${other.median.toFixed(2)} ms against ${base.median.toFixed(2)} ms; middle half of the ratios ${other.ratioLow.toFixed(2)} to ${other.ratioHigh.toFixed(2)}`,
	};
}

/** The oldest month, removed as the command does it, while somebody writes. */
async function month({ admin, connectionString }: Database): Promise<Figure[]> {
	const { id, organization } = await oneDestination(admin);
	const client = new Client({ connectionString });
	await client.connect();
	const waits: number[] = [];
	let writing = true;
	const work = (async () => {
		for (let turn = 0; writing || turn < often(2); turn += 1) {
			const begun = performance.now();
			await client.query(setName(id, organization, `name ${turn}`));
			waits.push(performance.now() - begun);
		}
	})();
	const { rows } = await admin.query<{ before: Date }>(
		`SELECT min(recorded_at) + interval '1 month' AS before FROM destination_audit_log`,
	);
	const begun = performance.now();
	const { log } = await purgeExpired({ connectionString, logOlderThan: rows[0]?.before });
	const seconds = (performance.now() - begun) / 1000;
	writing = false;
	await work;
	await client.end();
	return [
		{
			name: 'a month of the log is gone after',
			value: seconds,
			unit: 's',
			bound: undefined,
			detail: `${log} entries, ${Math.round(log / seconds)} a second, two transactions of 5,000 at once`,
		},
		{
			name: 'a writer meanwhile waits at most',
			value: Math.max(...waits),
			unit: 'ms',
			bound: { atMost: 100 },
			detail: `${waits.length} updates, of which half took ${quantile(waits, 0.5).toFixed(2)} ms or less`,
		},
	];
}
