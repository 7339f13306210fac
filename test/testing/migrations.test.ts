import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { migrateDeploy } from '../../scripts/migrate-deploy.ts';
import { readCatalog } from '../catalog/catalog.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database.ts';
import { rowsOf } from './rows.ts';

let ours: TestDatabase;
let prismas: TestDatabase;
beforeAll(async () => {
	ours = await createTestDatabase();
	prismas = await createEmptyDatabase();
	await migrateDeploy(process.cwd(), prismas.connectionString);
});
afterAll(async () => {
	await ours.drop();
	await prismas.drop();
});

/** The answer of the both, ours first. */
const ofBoth = (sql: string) =>
	Promise.all([ours, prismas].map(({ connectionString }) => rowsOf(connectionString, sql)));

test('a test database is what the Prisma command makes', async () => {
	const made = await readCatalog(prismas.connectionString);
	expect(made.length).toBeGreaterThan(100);
	expect(await readCatalog(ours.connectionString)).toEqual(made);
});

test('the books are kept as the Prisma command keeps them', async () => {
	const [table, expectedTable] = await ofBoth(
		`SELECT a.attname, format_type(atttypid, atttypmod) AS type, attnotnull, pg_get_expr(adbin, adrelid) AS preset,
		        (SELECT array_agg(pg_get_indexdef(indexrelid)) FROM pg_index WHERE indrelid = attrelid) AS indexes
		   FROM pg_attribute a LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
		  WHERE attrelid = '_prisma_migrations'::regclass AND attnum > 0 ORDER BY attnum`,
	);
	expect(expectedTable).toHaveLength(8);
	expect(table).toEqual(expectedTable);
	const [rows, expectedRows] = await ofBoth(
		`SELECT migration_name, checksum, logs, rolled_back_at, applied_steps_count,
		        length(id) AS id_length, finished_at >= started_at AS finished,
		        now() - started_at BETWEEN '0' AND '1 hour' AS recent
		   FROM _prisma_migrations ORDER BY started_at`,
	);
	expect(rows?.length).toBeGreaterThan(0);
	expect(rows).toEqual(expectedRows);
});

/** What `prisma migrate` prints, with this project's configuration or that of services. */
async function migrate(command: string, config: string): Promise<string> {
	const { stdout } = await promisify(execFile)(
		process.execPath,
		['node_modules/prisma/build/index.js', 'migrate', command, '--config', config],
		{ env: { ...process.env, DATABASE_URL: ours.connectionString } },
	);
	return stdout;
}

test.each(['prisma.config.ts', 'prisma/config.mjs'])(
	'the Prisma command finds nothing to do, with %s',
	async (config) => {
		expect(await migrate('deploy', config)).toContain('No pending migrations');
		expect(await migrate('status', config)).toContain('Database schema is up to date');
	},
);
