import { Client } from 'pg';
import { type SettingsContext, sealJson } from '../../src/encryption/envelope.ts';
import { deriveTenantKey } from '../../src/keys/tenant-key.ts';
import { cursorAt } from '../../src/repository/cursor.ts';
import { settingsJson } from '../sealed-rows.ts';
import { dropIndexes } from '../without-indexes.ts';
import {
	destinationId,
	insertDataKeys,
	insertDestinations,
	insertHistory,
	insertLog,
	insertPlatform,
	mostLive,
	organizationId,
	type Shape,
	shapeOf,
} from './rows.ts';

/** A key of a key ring. */
export interface FillKey {
	readonly id: string;
	readonly bytes: Uint8Array;
}

/** A live posthog destination in production, with what belongs to it. */
export interface Sample {
	readonly organizationId: string;
	readonly destinationId: string;
	/** One of type console, whose connection test calls nobody. */
	readonly consoleId: string;
	/** Who made its organization's destinations, and a few others'. */
	readonly userId: string;
}

export interface Filled {
	readonly rows: number;
	/** Of organizations with four live rows, whatever the size of the table. */
	readonly small: readonly Sample[];
	/** Of organizations whose thousands of rows are nearly all deleted. */
	readonly large: readonly Sample[];
	/** The cursor of a page that begins in the midst of all, by age; around it, and at the newest end, settings open. */
	readonly middleCursor: string;
}

/** Few enough that a warm-up reads all of them: what is measured is in memory. */
const sampleCount = 20;
const candidates = 500;
const connections = 2;
const tables = [
	'destinations',
	'destination_audit_log',
	'destination_settings_history',
	'destination_data_keys',
];
/** How many rows are sealed, so that they open, at the newest end and in the middle. */
const openRows = 1000;

/**
 * Fills a migrated, empty database. Past the triggers, which would take most of the time; the indexes are built
 * afterwards. Only what the samples show opens: the others share one envelope.
 *
 * @param quick leaves the write-ahead log out, and the CHECKs of destinations, which hold for the same rows
 * elsewhere: half of the time, of a table where the price of writes is not looked at.
 */
export async function fill(
	connectionString: string,
	rows: number,
	key: FillKey,
	{ quick = false } = {},
): Promise<Filled> {
	const shape = shapeOf(rows);
	const envelope = seal(key, { organizationId: '', destinationId: '', type: '' });
	const [admin, ...others] = await Promise.all(
		Array.from({ length: connections }, async () => {
			const client = new Client({ connectionString });
			await client.connect();
			await client.query(`SET maintenance_work_mem = '512MB'; SET work_mem = '64MB'`);
			return client;
		}),
	);
	if (admin === undefined) throw new Error('No connection');
	try {
		const each = (statements: readonly string[]) => spread([admin, ...others], statements);
		const indexes = await dropIndexes(admin, tables);
		const checks = quick ? await dropProtection(admin) : [];
		await each([insertPlatform(shape), insertDataKeys(shape)]);
		await each(
			Array.from({ length: connections }, (_, part) =>
				insertDestinations(shape, part, connections, envelope),
			),
		);
		await each([
			...Array.from({ length: connections }, (_, part) => insertLog(shape, part, connections)),
			insertHistory(shape, envelope),
		]);
		await each([...indexes, ...checks]);
		await each(tables.map((table) => `VACUUM ANALYZE ${table}`));
		const filled = await readSamples(admin, shape);
		await sealSamples(admin, key, filled);
		await each(
			['destinations', 'organizations', 'users'].map((table) => `VACUUM ANALYZE ${table}`),
		);
		return filled;
	} finally {
		await Promise.all([admin, ...others].map((client) => client.end()));
	}
}

/** Returns the statements that make the CHECKs again, for what is written from then on. */
async function dropProtection(admin: Client): Promise<string[]> {
	for (const table of tables) await admin.query(`ALTER TABLE ${table} SET UNLOGGED`);
	const { rows } = await admin.query<{ drop: string; create: string }>(
		`SELECT format('ALTER TABLE destinations DROP CONSTRAINT %I', conname) AS drop,
		        format('ALTER TABLE destinations ADD CONSTRAINT %I %s NOT VALID', conname, pg_get_constraintdef(oid)) AS create
		   FROM pg_constraint WHERE conrelid = 'destinations'::regclass AND contype = 'c'`,
	);
	await admin.query(rows.map(({ drop }) => drop).join('; '));
	// In one, because each locks the table.
	return [rows.map(({ create }) => create).join('; ')];
}

/** Runs statements on whichever connection is free. */
async function spread(clients: readonly Client[], statements: readonly string[]): Promise<void> {
	const queue = [...statements];
	await Promise.all(
		clients.map(async (client) => {
			for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
				await client.query(next);
			}
		}),
	);
}

async function readSamples(admin: Client, shape: Shape): Promise<Filled> {
	const samples = async (numbers: string, live: number) => {
		const { rows } = await admin.query<Sample>(
			`SELECT organization_id AS "organizationId", max(created_by::text) AS "userId",
			        min(id::text) FILTER (WHERE ${wanted}) AS "destinationId",
			        min(id::text) FILTER (WHERE type = 'console') AS "consoleId"
			   FROM destinations
			  WHERE deleted_at IS NULL AND organization_id IN (SELECT ${organizationId('number')} FROM ${numbers} AS number)
			  GROUP BY organization_id
			 HAVING count(*) = ${live} AND count(*) FILTER (WHERE ${wanted}) = 1 AND max(created_by::text) IS NOT NULL
			  LIMIT ${sampleCount}`,
		);
		return rows;
	};
	const wanted = `type = 'posthog' AND environment = 'production'`;
	// Few of all, so that finding them takes no time, and evenly from all. An odd step meets every environment, which
	// repeat with each eighth organization of a size.
	const step = (Math.max(1, Math.floor(shape.smallOrganizations / 6 / candidates)) | 1) * 6;
	const middle = Math.floor(shape.rows / 2);
	const { rows } = await admin.query<{ id: string; key: string }>(
		`SELECT id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"') AS key FROM destinations WHERE id IN (${idsOf(middle - openRows / 2, middle)})
		  AND deleted_at IS NULL ORDER BY created_at DESC LIMIT 1`,
	);
	return {
		rows: shape.rows,
		small: await samples(`generate_series(3, ${shape.smallOrganizations - 1}, ${step})`, 4),
		large: await samples(`generate_series(${-shape.largeOrganizations}, -1)`, mostLive),
		middleCursor: rows[0] === undefined ? '' : cursorAt('newest', rows[0]),
	};
}

const idsOf = (from: number, to: number) =>
	`SELECT ${destinationId('n')} FROM generate_series(${from}, ${to - 1}) AS n`;

/** Returns what the samples show settings that open. */
async function sealSamples(
	admin: Client,
	key: FillKey,
	{ rows: count, small, large }: Filled,
): Promise<void> {
	const middle = Math.floor(count / 2);
	const { rows } = await admin.query<SettingsContext>(
		`SELECT id AS "destinationId", organization_id AS "organizationId", type FROM destinations
		  WHERE deleted_at IS NULL AND (organization_id = ANY ($1::uuid[])
		     OR id IN (${idsOf(count - openRows, count)} UNION ALL ${idsOf(middle - openRows, middle)}))`,
		[[...small, ...large].map((sample) => sample.organizationId)],
	);
	await admin.query(
		`UPDATE destinations AS d SET settings = sealed.settings, settings_encrypted = true
		   FROM unnest($1::uuid[], $2::jsonb[]) AS sealed (id, settings) WHERE d.id = sealed.id`,
		[rows.map((row) => row.destinationId), rows.map((row) => seal(key, row))],
	);
}

function seal({ id, bytes }: FillKey, context: SettingsContext): string {
	const tenantKey = deriveTenantKey(bytes, id, context.organizationId);
	return JSON.stringify(sealJson(settingsJson, tenantKey, context));
}
