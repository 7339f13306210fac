import { Client } from 'pg';
import { withLogin } from '../../src/testing/databases.ts';
import { Deployment, newName, type Tenant } from './deployment.ts';
import { refusal } from './refusal.ts';
import { openSingle, type SingleConnection } from './single-connection.ts';

// A statement that arrives without its scope runs as the session rests. For a login that reads by itself that is a role
// which sees nothing, whatever ran before.

let deployment: Deployment;

beforeAll(async () => {
	deployment = await Deployment.open();
});
afterAll(() => deployment.close());

const inherits = 'ALTER ROLE :login INHERIT';

/** A login of each kind that reads rows of organizations by itself. */
const powerful: Record<string, string> = {
	'a superuser': 'ALTER ROLE :login SUPERUSER',
	'one past row level security':
		'ALTER ROLE :login BYPASSRLS; GRANT SELECT ON destinations TO :login',
	'one that inherits': inherits,
	'one with a grant of its own': 'GRANT SELECT (id) ON destination_audit_log TO :login',
	'one that reads the organizations': 'GRANT SELECT ON organizations TO :login',
};

async function newLogin(power: string): Promise<string> {
	const [login, password] = [newName(), newName()];
	await deployment.rows(`CREATE ROLE ${login} LOGIN NOINHERIT PASSWORD '${password}'`);
	deployment.dropLater(login);
	const grant = 'GRANT authenticated, service_role TO :login';
	// From PostgreSQL 16 on a grant keeps what the role was when it was made.
	for (const statement of power === inherits ? [power, grant] : [grant, power]) {
		await deployment.rows(statement.replaceAll(':login', login));
	}
	return withLogin(deployment.superuserUrl, login, password);
}

type Use = (single: SingleConnection, tenant: Tenant) => Promise<unknown>;

const uses: Record<string, Use> = {
	nothing: async () => {},
	'a read': (_, { client, own }) => client.destinations.findById(own.id),
	'a page': (_, { client }) => client.destinations.list({ limit: 1 }),
	'a write': (_, { client, own }) => client.destinations.update(own.id, { name: newName() }),
	'a read by Prisma': (_, { client }) => client.prisma.destination.findMany(),
	'a read of the service': ({ db }) => db.asService().destinations.list(),
	'a transaction': (_, { client, own }) =>
		client.transaction(async (tx) => {
			await tx.destinations.list();
			await tx.destinations.update(own.id, { name: newName() });
			await tx.prisma.destination.findMany();
		}),
	'a transaction that fails': (_, { client, own }) =>
		refusal(
			client.transaction(async (tx) => {
				await tx.destinations.update(own.id, { name: newName() });
				throw new Error('no');
			}),
		),
	'a statement that is refused': (_, { client }) =>
		refusal(client.prisma.$queryRaw`SELECT * FROM pg_authid`),
	...Object.fromEntries(
		[
			...['RESET ROLE', 'SET ROLE NONE', 'SET SESSION AUTHORIZATION DEFAULT', 'RESET ALL'],
			...['SET ROLE service_role', "SELECT set_config('role', 'none', false)", 'COMMIT'],
			'DISCARD TEMP',
		].flatMap((sql): [string, Use][] => [
			[sql, (_, { client }) => client.prisma.$executeRawUnsafe(sql).catch(() => {})],
			[
				`${sql}, in a transaction`,
				(_, { client }) =>
					client.transaction((tx) => tx.prisma.$executeRawUnsafe(sql)).catch(() => {}),
			],
		]),
	),
};

describe.each(Object.entries(powerful))('%s', (_, power) => {
	let single: SingleConnection;
	let raw: Client;
	let tenant: Tenant;

	beforeAll(async () => {
		const connectionString = await newLogin(power);
		let current: Client | undefined;
		single = openSingle(deployment, {
			connectionString,
			pool: {
				// As pg makes it, and kept: the session is looked at on the client's own connection.
				Client: class extends Client {
					constructor(config: object) {
						super(config);
						current = this;
					}
				} as never,
			},
		});
		tenant = await deployment.newTenant(single.db);
		if (current === undefined) throw new Error('there is no connection');
		raw = current;
	});

	test.each(Object.entries(uses))(
		'after %s a statement without a scope sees nothing',
		async (_, use) => {
			await use(single, tenant);
			const rest = await single.rest();
			expect(rest.current_user).toBe('authenticated');
			for (const table of ['destinations', 'destination_audit_log', 'organizations', 'users']) {
				const { rows } = await raw.query(`SELECT count(*)::int AS count FROM ${table}`);
				expect([table, rows]).toEqual([table, [{ count: 0 }]]);
			}
		},
	);
});

test('a login that is only a member of its roles rests as itself', async () => {
	const single = openSingle(deployment);
	expect((await single.rest()).current_user).toBe(new URL(deployment.url).username);
});

test('a service’s own login rests in its role', async () => {
	const connectionString = await newLogin(powerful['a superuser'] ?? '');
	const sessions: Client[] = [];
	const db = deployment.open({
		serviceConnectionString: connectionString,
		pool: { onConnect: (client) => sessions.push(client as Client) },
	});
	await db.asService().destinations.list();
	expect(sessions).toHaveLength(1);
	for (const session of sessions) {
		const { rows } = await session.query('SELECT current_user::text AS user');
		expect(rows).toEqual([{ user: 'service_role' }]);
	}
});

test('a login that reads by itself and is no member of the role is told so', async () => {
	const [login, password] = [newName(), newName()];
	await deployment.rows(`CREATE ROLE ${login} LOGIN PASSWORD '${password}'`);
	deployment.dropLater(login);
	await deployment.rows(`GRANT SELECT ON destinations TO ${login}`);
	const db = deployment.open({
		connectionString: withLogin(deployment.superuserUrl, login, password),
	});
	const { destinations, prisma } = db.forOrganization('00000000-0000-0000-0000-000000000000');
	for (const call of [
		() => destinations.list(),
		() => prisma.destination.findMany(),
		() => db.connect(),
	]) {
		await expect(call()).rejects.toThrow('may not switch to the role authenticated');
	}
});
