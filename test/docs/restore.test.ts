import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { createDestinationsClient } from '../../src/index.ts';
import { createDatabase, withDatabase } from '../../src/testing/databases.ts';
import { run } from '../cli/command-line.ts';
import { newKeys } from '../support/extended-client.ts';
import {
	type InstalledPostgres,
	startInstalledPostgres,
} from '../support/installed-postgres/index.ts';
import { makeRowsOfEveryKind, type Place } from '../support/rows-of-every-kind.ts';
import { codeBlocks, documents } from './markdown.ts';

// What the runbook says of backups, word for word, up to the first write after it.

const section = /## Back up and restore[\s\S]*?(?=\n### )/;
const [runbook] = documents().filter(({ path }) => path.endsWith('operations.md'));
const [text = ''] = section.exec(runbook?.text ?? '') ?? [];
const blocks = codeBlocks({ path: 'docs/guides/operations.md', text }).map(({ code }) => code);
const [dumpAndRestore = '', restoreData = '', look = ''] = blocks;
const [dump = '', restoreWhole = ''] = dumpAndRestore.trim().split('\n');

const keys = newKeys();
let postgres: InstalledPostgres | undefined;
let folder: string;

beforeAll(async () => {
	postgres = await startInstalledPostgres('the restore of a dump, as the runbook says it');
	folder = await mkdtemp(join(tmpdir(), 'destinations-restore-'));
});

afterAll(async () => {
	await postgres?.[Symbol.asyncDispose]();
	await rm(folder, { recursive: true, force: true });
});

async function shell(command: string, environment: Record<string, string>): Promise<void> {
	await promisify(execFile)('sh', ['-ec', command], {
		cwd: folder,
		env: {
			...process.env,
			PATH: `${postgres?.programs}${delimiter}${process.env.PATH}`,
			...environment,
		},
	});
}

/** Runs what the runbook says to look with, and returns what it prints. */
async function lookAt({ logins }: Place): Promise<{ status: number[]; printed: string }> {
	const commands = look
		.trim()
		.split('\n')
		.map((line) => line.replace(/#.*/, '').trim());
	const ended = [];
	for (const command of commands) {
		const [npx, program, ...args] = command.split(/\s+/);
		expect([npx, program]).toEqual(['npx', 'consent-destinations']);
		ended.push(
			await run(args, {
				environment: {
					// `doctor` takes both logins, the others the service's.
					DATABASE_URL:
						args[0] === 'doctor' ? logins.connectionString : logins.serviceConnectionString,
					DATABASE_SERVICE_URL: logins.serviceConnectionString,
					DESTINATIONS_ENCRYPTION_KEYS: keys,
				},
			}),
		);
	}
	return {
		status: ended.map(({ status }) => status),
		printed: ended.map(({ stdout, stderr }) => stdout + stderr).join('\n'),
	};
}

/** What is in the tables, and where the log ends. */
async function contents({ connectionString }: Place) {
	const client = new Client({ connectionString });
	await client.connect();
	const { rows } = await client.query<{ rows: unknown[]; newest: string }>(
		`SELECT (SELECT json_agg(row ORDER BY row::text) FROM (
			SELECT to_jsonb(d) AS row FROM destinations d
			UNION ALL SELECT to_jsonb(l) FROM destination_audit_log l
			UNION ALL SELECT to_jsonb(h) FROM destination_settings_history h
			UNION ALL SELECT to_jsonb(o) FROM organizations o) AS all_rows) AS rows,
			(SELECT max(id) FROM destination_audit_log)::text AS newest`,
	);
	await client.end();
	return rows[0];
}

/** Every kind of write works, and each entry of the log is behind those that were restored. */
async function expectWritable(database: Place, newest: string): Promise<void> {
	await using db = createDestinationsClient({ ...database.logins, keys });
	const service = db.asService();
	const { items } = await service.destinations.list();
	for (const { id, organizationId } of items) {
		const { destinations, audit } = db.forOrganization(organizationId);
		const found = await destinations.findById(id);
		expect(found?.settings).toMatchObject({ apiKey: 'phc_second' });
		await destinations.update(id, { name: 'After the restore' });
		const first = await destinations.revert(id, 1);
		expect(first.settings).toMatchObject({ apiKey: 'phc_first' });
		const entries = await audit.list({ limit: 2 });
		expect(entries.items.map(({ action }) => action)).toEqual(['updated', 'updated']);
		for (const entry of entries.items) {
			expect(BigInt(entry.id)).toBeGreaterThan(BigInt(newest));
		}
	}
	expect(items).toHaveLength(3);
	expect(await service.destinations.purgeDeleted({ olderThan: new Date(2100, 0) })).toBe(3);
}

/** A database with nothing in it, on the same server. */
async function emptyBeside({ connectionString, logins }: Place): Promise<Place> {
	const name = 'empty';
	const admin = new Client({ connectionString });
	await admin.connect();
	await createDatabase(admin, name);
	await admin.end();
	return {
		connectionString: withDatabase(connectionString, name),
		logins: {
			connectionString: withDatabase(logins.connectionString, name),
			serviceConnectionString: withDatabase(logins.serviceConnectionString, name),
		},
	};
}

test('a dump restored whole, and one of its data alone', async () => {
	if (postgres === undefined) return;
	const { database } = postgres;
	await makeRowsOfEveryKind(database, keys, 3);
	const was = await contents(database);
	await shell(dump, { ADMIN_URL: database.connectionString });
	const clones = { whole: await emptyBeside(database), data: await database.clone() };
	await shell(restoreWhole, { EMPTY_DATABASE_URL: clones.whole.connectionString });
	await shell(restoreData, { MIGRATED_URL: clones.data.connectionString });
	for (const [name, restored] of Object.entries(clones)) {
		expect(await contents(restored)).toEqual(was);
		const before = await lookAt(restored);
		expect([name, before]).toEqual([name, { ...before, status: [0, 0] }]);
		expect([name, /sequence of the log's ids is at/.test(before.printed)]).toEqual([
			name,
			name === 'data',
		]);
		await expectWritable(restored, was?.newest ?? '');
		const after = await lookAt(restored);
		expect([name, after]).toEqual([name, { ...after, status: [0, 0] }]);
		expect(after.printed).not.toMatch(/sequence of the log's ids is at/);
	}
});
