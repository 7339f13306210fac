import { Client } from 'pg';
import { startTestDatabase, type TestDatabase } from '../../src/testing/index.ts';
import { Deployment } from '../tenancy/deployment.ts';
import { Loading, settled } from './loading.ts';

// A login that may do more than load is refused by start(), and so is a database that would hide changes.

let deployment: Deployment;
let loading: Loading;

beforeAll(async () => {
	deployment = await Deployment.open();
	loading = await Loading.open();
});

afterAll(async () => {
	await loading[Symbol.asyncDispose]();
	await deployment.close();
});

/** What start() says of a login. */
async function complaint(connectionString: string): Promise<unknown> {
	const loader = loading.loader({ connectionString });
	const error = await loader.start().catch((reason: unknown) => reason);
	expect(loader.status).toBe('initializing');
	expect(loader.peek('00000000-0000-7000-8000-000000000000', 'production')).toBeUndefined();
	await loader.close();
	return error;
}

const configuration = (message: RegExp) =>
	expect.objectContaining({ code: 'CONFIGURATION', message: expect.stringMatching(message) });

test('a login that may switch to destinations_loader and nothing else is fit', async () => {
	const connectionString = await deployment.newLogin('destinations_loader');
	const loader = loading.loader({ connectionString });
	await loader.start();
	expect(loader.status).toBe('live');
});

test.each(['authenticated', 'service_role'] as const)(
	'one that may switch to %s as well',
	async (role) => {
		const url = await deployment.newLogin('destinations_loader', role);
		expect(await complaint(url)).toEqual(configuration(new RegExp(`may switch to ${role}\\b`)));
	},
);

test.each([
	['SUPERUSER', /is a superuser/],
	['BYPASSRLS', /bypasses row level security/],
	['CREATEROLE', /may create roles/],
	['REPLICATION', /may replicate/],
])('one that is %s', async (attribute, message) => {
	const url = await deployment.newLogin('destinations_loader');
	await deployment.admin.query(`ALTER ROLE ${new URL(url).username} ${attribute}`);
	expect(await complaint(url)).toEqual(configuration(message));
});

test('one that may switch to another role by way of a third', async () => {
	const url = await deployment.newLogin('destinations_loader');
	const [between, powerful] = [`between_${process.pid}`, `powerful_${process.pid}`];
	await deployment.admin.query(`CREATE ROLE ${between}; CREATE ROLE ${powerful};
		GRANT ${powerful} TO ${between}; GRANT ${between} TO ${new URL(url).username}`);
	deployment.dropLater(between, powerful);
	expect(await complaint(url)).toEqual(
		configuration(new RegExp(`may switch to ${between}, ${powerful}`)),
	);
});

test('one that owns a table', async () => {
	const url = await deployment.newLogin('destinations_loader');
	const { username } = new URL(url);
	await deployment.admin.query(`ALTER TABLE destination_data_keys OWNER TO ${username}`);
	expect(await complaint(url)).toEqual(configuration(/owns the tables/));
	await deployment.admin.query('ALTER TABLE destination_data_keys OWNER TO postgres');
});

test('one that may not become destinations_loader, and the superuser', async () => {
	expect(await complaint(await deployment.newLogin('authenticated'))).toEqual(
		configuration(/may not switch to the role destinations_loader/),
	);
	expect(await complaint(deployment.superuserUrl)).toEqual(configuration(/is a superuser/));
});

test.each([
	[
		'a policy of the log is gone',
		'DROP POLICY destination_audit_log_loading ON destination_audit_log',
		/lacks a policy of destination_audit_log for destinations_loader/,
	],
	[
		'a policy of the rows is gone',
		'DROP POLICY destinations_loading ON destinations',
		/lacks a policy of destinations for destinations_loader/,
	],
	[
		'a trigger is switched off',
		'ALTER TABLE destinations DISABLE TRIGGER trigger_log_changed_destinations',
		/lacks the trigger trigger_log_changed_destinations/,
	],
	[
		'a trigger is for replicas',
		'ALTER TABLE destinations ENABLE REPLICA TRIGGER trigger_log_purged_destinations',
		/lacks the trigger trigger_log_purged_destinations/,
	],
	[
		'a column may not be read',
		'REVOKE SELECT (settings) ON destinations FROM destinations_loader',
		/does not let the role destinations_loader read/,
	],
	[
		'the log may not be read',
		'REVOKE SELECT (transaction_id) ON destination_audit_log FROM destinations_loader',
		/does not let the role destinations_loader read/,
	],
])('a database in which %s', async (_, sql, message) => {
	const broken = await Loading.open();
	await broken.sql(sql);
	const loader = broken.loader();
	await expect(loader.start()).rejects.toEqual(configuration(message));
	expect(loader.status).toBe('initializing');
	await broken[Symbol.asyncDispose]();
});

test('start() that failed may be called again, and twice at once is one', async () => {
	const own = await Loading.open();
	await own.sql('ALTER TABLE destinations DISABLE TRIGGER USER');
	const loader = own.loader();
	await expect(loader.start()).rejects.toMatchObject({ code: 'CONFIGURATION' });
	await own.sql('ALTER TABLE destinations ENABLE TRIGGER USER');
	await Promise.all([loader.start(), loader.start()]);
	expect(loader.status).toBe('live');
	expect(loader.metrics().loads).toBe(1);
	await own[Symbol.asyncDispose]();
});

describe('whose rights change while it runs', () => {
	let database: TestDatabase;
	beforeAll(async () => {
		database = await startTestDatabase({ source: 'embedded' });
	});

	test('a privilege that is taken away makes it interrupted, and never looks like no changes', async () => {
		const own = await Loading.on(database);
		const loader = await own.started();
		await own.sql('REVOKE SELECT ON destination_audit_log FROM destinations_loader');
		await own.sql(
			'REVOKE SELECT (transaction_id) ON destination_audit_log FROM destinations_loader',
		);
		const failure = await new Promise((resolve) => loader.on('failure', resolve));
		expect(failure).toMatchObject({ error: { code: 'CONFIGURATION' } });
		expect(loader.status).toBe('interrupted');
		await own.sql('GRANT SELECT (transaction_id) ON destination_audit_log TO destinations_loader');
		await own.sql(
			'GRANT SELECT (organization_id, action) ON destination_audit_log TO destinations_loader',
		);
		await settled(loader);
		expect(loader.status).toBe('live');
		await own[Symbol.asyncDispose]();
	});
});

test('nothing that it sends is more than a loader may do', async () => {
	const url = await deployment.newLogin('destinations_loader');
	const client = new Client({ connectionString: url });
	await client.connect();
	await expect(client.query('SELECT id FROM destinations')).rejects.toMatchObject({
		code: '42501',
	});
	await client.end();
});
