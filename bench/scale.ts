import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { withDatabase } from './database.ts';
import { fill } from './indexes/fill.ts';
import { quick } from './measure.ts';
import type { Figure, Report } from './report.ts';

const rows = quick ? 1_000 : 100_000;
const organizationSizes = [1e4, 1e6, 1e8];
const destinationsOfOne = 6;

/** What a destination, an entry of the log and earlier settings take on disk, and what organizations come to. */
export async function benchScale(): Promise<Report> {
	return withDatabase(async ({ connectionString, admin }) => {
		await fill(connectionString, rows, { id: 'bench', bytes: randomBytes(32) });
		const destination = await sizeOf(admin, 'destinations');
		const entry = await sizeOf(admin, 'destination_audit_log');
		const earlier = await sizeOf(admin, 'destination_settings_history');
		const ofOne = destinationsOfOne * bytesOf(destination);
		return {
			title: `Bytes on disk, of ${rows} destinations`,
			figures: [
				figure('a destination', destination),
				figure('an entry of the log', entry),
				figure('earlier settings', earlier),
				...organizationSizes.map((organizations) => ({
					name: `destinations of 10^${Math.log10(organizations)} organizations`,
					value: (organizations * ofOne) / 1e9,
					unit: 'GB',
					bound: undefined,
					detail: `${destinationsOfOne} each, without log and earlier settings`,
				})),
			],
		};
	});
}

interface Size {
	readonly count: number;
	readonly table: number;
	readonly indexes: number;
}

async function sizeOf(admin: Client, table: string): Promise<Size> {
	// A table that has partitions has its bytes in these.
	const { rows: sizes } = await admin.query<{ table: string; indexes: string; count: string }>(
		`SELECT sum(pg_table_size(part)) AS table, sum(pg_indexes_size(part)) AS indexes,
		        (SELECT count(*) FROM public.${table}) AS count
		   FROM (SELECT relid FROM pg_partition_tree($1) UNION SELECT $1::regclass) AS parts (part)`,
		[table],
	);
	const [size] = sizes;
	return {
		count: Number(size?.count),
		table: Number(size?.table),
		indexes: Number(size?.indexes),
	};
}

const bytesOf = ({ table, indexes, count }: Size) => (table + indexes) / count;

function figure(name: string, size: Size): Figure {
	const { table, indexes, count } = size;
	return {
		name,
		value: bytesOf(size),
		unit: 'bytes',
		bound: undefined,
		detail: `table ${(table / count).toFixed(0)}, indexes ${(indexes / count).toFixed(0)}; of ${count}`,
	};
}
