import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Client } from 'pg';
import { withClient } from '../../src/testing/databases.ts';
import { startTestDatabase } from '../../src/testing/index.ts';
import { grantScript } from '../../test/support/grant-script.ts';
import { root } from '../build-package.ts';
import type { Case } from './case.ts';

/** The last migration of the set that makes the tables: there are no rows yet when these run. */
const lastOfSet = '20261123000009_policies_and_grants';

/** How long a writer may be kept waiting, in milliseconds. */
const longestWait = 100;
const writers = 4;

/** What runs on a database that services write to: migrations since the set, and scripts that are run again. */
async function upgrades(logins: Record<string, string>): Promise<Record<string, string>> {
	const folder = join(root, 'prisma/migrations');
	const migrations = readdirSync(folder)
		.filter((name) => /^\d{14}_/.test(name) && name > lastOfSet)
		.map((name) => [name, readFileSync(join(folder, name, 'migration.sql'), 'utf8')]);
	const elsewhere = { tenants: '', tenant_key: 'id', users: '', user_key: 'id' };
	const scripts = [
		['platform-tables.sql', await grantScript('platform-tables.sql')],
		['hardening.sql', await grantScript('hardening.sql', logins)],
		['tenants-elsewhere.sql', await grantScript('tenants-elsewhere.sql', elsewhere)],
	];
	return Object.fromEntries([...migrations, ...scripts]);
}

/** Whether this catches what it is for. */
const known: Readonly<Record<string, { readonly sql: string; readonly blocks: boolean }>> = {
	'an index, not concurrently': {
		sql: 'CREATE INDEX bad_index ON public.destinations (name, updated_at)',
		blocks: true,
	},
	'a column that rewrites the table': {
		sql: 'ALTER TABLE public.destinations ADD COLUMN bad_column double precision DEFAULT random()',
		blocks: true,
	},
	'an index, concurrently': {
		sql: 'CREATE INDEX CONCURRENTLY good_index ON public.destinations (name, updated_at)',
		blocks: false,
	},
	'a column without a value': {
		sql: 'ALTER TABLE public.destinations ADD COLUMN good_column text',
		blocks: false,
	},
	'a check of new rows': {
		sql: "ALTER TABLE public.destinations ADD CONSTRAINT good_check CHECK (name::text <> '') NOT VALID",
		blocks: false,
	},
	'the check of the others': {
		sql: 'ALTER TABLE public.destinations VALIDATE CONSTRAINT good_check',
		blocks: false,
	},
};

/** Migrations with traffic: nothing keeps a writer waiting for long, whatever rows there are. */
export function lockCase(rows: number): Case {
	return {
		name: 'locks',
		async run() {
			await using database = await startTestDatabase({ source: 'embedded' });
			const url = database.connectionString;
			await withClient(url, (client) => fill(client, rows));
			const failures: string[] = [];
			const waits: string[] = [];
			for (const [name, { sql, blocks }] of Object.entries(known)) {
				const wait = await longestBlocked(url, sql);
				waits.push(`${name} ${Math.round(wait)} ms`);
				if (wait > longestWait !== blocks) failures.push(`${name} kept a writer ${wait} ms`);
			}
			const login = (of: string) => decodeURIComponent(new URL(of).username);
			const own = await upgrades({
				tenant_login: login(database.logins.connectionString),
				service_login: login(database.logins.serviceConnectionString),
				loader_login: login(database.logins.loaderConnectionString),
			});
			for (const [name, sql] of Object.entries(own)) {
				const wait = await longestBlocked(url, sql);
				waits.push(`${name} ${Math.round(wait)} ms`);
				if (wait > longestWait) failures.push(`${name} keeps a writer waiting for ${wait} ms`);
			}
			if (failures.length > 0) throw new Error(`${failures.join('; ')}. All: ${waits.join(', ')}`);
			return `${rows} rows; writers waited for: ${waits.join(', ')}`;
		},
	};
}

async function fill(client: Client, rows: number): Promise<void> {
	// Past triggers and foreign keys, which rows of this many would take an hour for.
	await client.query('SET session_replication_role = replica');
	// As tables that the platform had, or platform-tables.sql leaves them alone.
	await client.query('COMMENT ON TABLE organizations IS NULL; COMMENT ON TABLE users IS NULL');
	await client.query('INSERT INTO organizations SELECT FROM generate_series(1, 1000)');
	await client.query(
		`INSERT INTO destinations (organization_id, type, name, environment, settings, deleted_at)
		 SELECT o.ids[1 + n % 1000], 'console', 'row ' || n, 'production', '{}',
		        CASE WHEN n > 1000 THEN now() END
		   FROM generate_series(1, $1::integer) AS n, (SELECT array_agg(id) AS ids FROM organizations) AS o`,
		[rows],
	);
	await client.query('ANALYZE destinations');
}

/** The longest that a writer waited for a lock while a script ran, in milliseconds. */
async function longestBlocked(url: string, script: string): Promise<number> {
	let stopped = false;
	const ids = await withClient(url, (client) =>
		client.query<{ id: string }>('SELECT id FROM destinations WHERE deleted_at IS NULL LIMIT 1000'),
	);
	const write = (number: number) =>
		withClient(url, async (client) => {
			await client.query("SET application_name = 'writer'");
			for (let n = number; !stopped; n += writers) {
				const id = ids.rows[n % ids.rows.length]?.id;
				await client.query('UPDATE destinations SET description = $2 WHERE id = $1', [id, `${n}`]);
			}
		});
	let longest = 0;
	const watch = () =>
		withClient(url, async (client) => {
			while (!stopped) {
				const { rows } = await client.query<{ millis: number | null }>(
					`SELECT max(extract(epoch FROM clock_timestamp() - l.waitstart) * 1000)::float AS millis
					   FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
					  WHERE NOT l.granted AND l.locktype = 'relation' AND a.application_name = 'writer'`,
				);
				longest = Math.max(longest, rows[0]?.millis ?? 0);
				await delay(2);
			}
		});
	const working = [watch(), ...Array.from({ length: writers }, (_, number) => write(number))];
	const all = Promise.all(working);
	all.catch(() => {});
	try {
		await delay(300);
		// As Prisma sends a migration: whole.
		await withClient(url, (client) => client.query(script));
		await delay(100);
	} finally {
		stopped = true;
	}
	await all;
	return longest;
}
