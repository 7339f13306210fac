/**
 * The main job from end to end, on a Postgres of its own or that of TEST_POSTGRES: what a service sees, and what the database holds.
 * Run by `npm run demo`.
 */
import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { styleText } from 'node:util';
import type { Client } from 'pg';
import {
	createDestinationsClient,
	type Destination,
	DestinationsError,
	redact,
} from '../src/index.ts';
import { messageOf } from '../src/input/message-of.ts';
import { createDatabase, withClient, withDatabase } from '../src/testing/databases.ts';
import {
	postgresSourceFromEnvironment,
	startPostgresServer,
} from '../src/testing/postgres-server.ts';
import { showEvents } from './demo/events.ts';
import { print, refused, show, title } from './demo/printing.ts';
import { migrateDeploy } from './migrate-deploy.ts';

const projectRoot = fileURLToPath(new URL('..', import.meta.url));
const apiKey = 'phc_aDemoKeyThatIsSentNowhere0000000000000';

async function run(connectionString: string, admin: Client): Promise<void> {
	title('Migrations, by `prisma migrate deploy`');
	const applied = (await migrateDeploy(projectRoot, connectionString)).match(/\d{14}_\w+/g) ?? [];
	for (const name of new Set(applied)) print(`   ${styleText('green', 'applied')} ${name}`);

	const { rows } = await admin.query('INSERT INTO organizations DEFAULT VALUES RETURNING id');
	const organizationId: string = rows[0].id;
	const keys = `demo:${randomBytes(32).toString('hex')}`;
	await using db = createDestinationsClient({ connectionString, keys });
	const acme = db.forOrganization(organizationId);
	const input = {
		organizationId,
		type: 'posthog',
		name: 'EU project',
		settings: { apiKey },
		requiredConsent: ['measurement'],
	} as const;

	title('A destination is created; the service sees its settings');
	const made = await acme.destinations.create(input);
	show(redact(made));

	title('What the database holds, through a second connection');
	const stored = await storedSettings(admin, made.id);
	show(stored);
	if (JSON.stringify(stored).includes(apiKey)) throw new Error('The key is stored in clear!');
	print('   no trace of the API key');

	title('Read back, typed by `type`');
	const read = await acme.destinations.findById(made.id);
	print(
		`   ${hostOf(read)}, the same key: ${read?.type === 'posthog' && read.settings.apiKey === apiKey}`,
	);

	title('A second one of this type in this environment');
	await refused(() => acme.destinations.create(input));

	title('Another organization looks for it');
	const other = await admin.query('INSERT INTO organizations DEFAULT VALUES RETURNING id');
	const stranger = db.forOrganization(other.rows[0].id);
	print(`   findById: ${await stranger.destinations.findById(made.id)}`);

	title('Deleted softly: hidden, but kept');
	await acme.destinations.softDelete(made.id);
	print(`   findById: ${await acme.destinations.findById(made.id)}`);
	print(`   onlyDeleted().count(): ${await acme.prisma.destination.onlyDeleted().count()}`);

	title('Created anew, so the deleted one cannot come back');
	const again = await acme.destinations.create(input);
	await refused(() => acme.destinations.restore(made.id));

	title('Restored once the place is free');
	await acme.destinations.softDelete(again.id);
	await acme.destinations.restore(made.id);
	print(`   ${(await acme.destinations.findById(made.id))?.name} is back`);

	title('Somebody who can write to the database moves the settings of one row to another');
	await admin.query(
		'UPDATE destinations SET settings = (SELECT settings FROM destinations WHERE id = $1) WHERE id = $2',
		[again.id, made.id],
	);
	await refused(() => acme.destinations.findById(made.id));

	await showEvents({ connectionString, admin, db, keys, organizationId: other.rows[0].id });
}

function hostOf(destination: Destination | null): string {
	return destination?.type === 'posthog' ? destination.settings.host : 'not found';
}

async function storedSettings(admin: Client, id: string): Promise<unknown> {
	const { rows } = await admin.query('SELECT settings FROM destinations WHERE id = $1', [id]);
	return rows[0].settings;
}

/** On a database of its own, which is gone afterwards. */
async function runOnServer(): Promise<void> {
	const server = await startPostgresServer(postgresSourceFromEnvironment());
	try {
		const name = `${server.namePrefix}_demo`;
		const database = withDatabase(server.connectionString, name);
		await withClient(server.connectionString, (admin) => createDatabase(admin, name));
		await withClient(database, (admin) => run(database, admin));
	} finally {
		await server.stop();
	}
}

const started = performance.now();
try {
	await runOnServer();
	const seconds = ((performance.now() - started) / 1000).toFixed(1);
	print(`\n${styleText('green', 'Done')} in ${seconds} s. The database was stopped and removed.`);
} catch (error) {
	const intended = error instanceof DestinationsError;
	process.stderr.write(`\n${intended ? '' : 'The demo failed: '}${messageOf(error)}\n`);
	process.exitCode = 1;
}
