/** What a transaction may be that is not what it should be, and what a host may do in it. */
import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import {
	ConfigurationError,
	type DestinationsClient,
	type HostTransaction,
	type QueryTransactionClient,
	UnsupportedError,
	ValidationError,
} from '../../src/index.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { createEmptyDatabase } from '../support/database.ts';
import { type Service, startService } from '../support/service.ts';
import { everythingSet } from './hosts.ts';

let service: Service;
let db: DestinationsClient;
let organizationId: string;
let theirs: string;
let client: Client;

beforeAll(async () => {
	service = await startService();
	db = service.db;
	theirs = await service.createOrganization();
	await db.asService().destinations.create(input(theirs));
	client = new Client({ connectionString: service.connectionString });
	await client.connect();
});

afterAll(async () => {
	await client?.end();
	await service?.stop();
});

beforeEach(async () => {
	organizationId = await service.createOrganization();
	await client.query('BEGIN');
});

afterEach(() => client.query('ROLLBACK'));

const input = (of: string, name = 'First') =>
	({
		organizationId: of,
		type: 'posthog',
		name,
		environment: 'production',
		settings: { apiKey: 'phc_first' },
	}) as const;

const asQuery = (of: Client): QueryTransactionClient => ({
	query: (text, values) => of.query(text, values),
});

const kinds: Readonly<Record<string, (of: Client) => HostTransaction>> = {
	'a client of pg': (of) => of,
	'anything with query()': asQuery,
};

const written = async () => {
	const { rows } = await service.admin.query(
		'SELECT (SELECT count(*) FROM destinations) AS rows, (SELECT count(*) FROM destination_audit_log) AS entries',
	);
	return rows[0];
};

describe.each(Object.entries(kinds))('by %s', (_, handleOf) => {
	test.each(['COMMIT AND CHAIN', 'ROLLBACK AND CHAIN', 'COMMIT; BEGIN'])(
		'%s begins a transaction in which the scope is dead',
		async (end) => {
			const { destinations } = db.forOrganization(organizationId, {
				transaction: handleOf(client),
			});
			expect(await destinations.count()).toBe(0);
			await client.query(end);
			const before = await written();
			await expect(destinations.create(input(organizationId))).rejects.toThrow(
				/^The transaction that the scope was made for is over/,
			);
			await client.query('COMMIT');
			expect(await written()).toEqual(before);
		},
	);

	test('logins of every power are the scope and nothing else, and those without the role are refused', async () => {
		const name = `tx_${randomUUID().slice(0, 8)}`;
		const powers = {
			[`${name}_member`]: 'NOSUPERUSER',
			[`${name}_bypass`]: 'BYPASSRLS',
			[`${name}_super`]: 'SUPERUSER',
			[`${name}_stranger`]: 'NOSUPERUSER',
		};
		for (const [login, power] of Object.entries(powers)) {
			await service.admin.query(`CREATE ROLE ${login} LOGIN PASSWORD 'x' ${power}`);
			if (!login.endsWith('stranger')) {
				await service.admin.query(`GRANT authenticated, service_role TO ${login}`);
			}
		}
		try {
			for (const login of Object.keys(powers)) {
				const own = new Client({
					connectionString: withLogin(service.connectionString, login, 'x'),
				});
				await own.connect();
				try {
					await own.query('BEGIN');
					const transaction = handleOf(own);
					const scope = db.forOrganization(organizationId, { transaction });
					if (login.endsWith('stranger')) {
						await expect(scope.destinations.count()).rejects.toThrow(ConfigurationError);
						await expect(scope.destinations.count()).rejects.toThrow(UnsupportedError);
						continue;
					}
					const before = await own.query(everythingSet);
					await scope.destinations.create(input(organizationId));
					expect((await scope.destinations.list()).items).toHaveLength(1);
					const system = db.asService({ transaction }).destinations;
					expect((await system.findByType('posthog')).length).toBeGreaterThan(1);
					expect((await own.query(everythingSet)).rows).toEqual(before.rows);
				} finally {
					await own.query('ROLLBACK');
					await own.end();
				}
			}
		} finally {
			for (const login of Object.keys(powers)) await service.admin.query(`DROP ROLE ${login}`);
		}
	});

	test.each([
		'SET ROLE service_role',
		'SET LOCAL ROLE authenticated',
		'SET LOCAL ROLE anon',
		'SET SESSION AUTHORIZATION service_role',
		`SET LOCAL request.jwt.claims = '{"role":"service_role"}'`,
		`SET LOCAL destinations.host_role = 'service_role'; SET LOCAL destinations.call = '{"role":"service_role"}'`,
		`CREATE FUNCTION pg_temp.set_config(text, text, boolean) RETURNS text LANGUAGE sql AS $$ SELECT 'no' $$;
		 SET LOCAL search_path = pg_temp, pg_catalog`,
	])('a host that does %s reaches nothing else by it, and keeps it', async (statement) => {
		await client.query(statement);
		const before = await client.query(everythingSet);
		const { destinations } = db.forOrganization(organizationId, { transaction: handleOf(client) });
		const isMember = !statement.includes('AUTHORIZATION');
		if (isMember) {
			await destinations.create(input(organizationId));
			expect(await destinations.count()).toBe(1);
			expect((await destinations.list()).items.map((each) => each.organizationId)).toEqual([
				organizationId,
			]);
			expect((await client.query(everythingSet)).rows).toEqual(before.rows);
		} else {
			await expect(destinations.count()).rejects.toThrow(ConfigurationError);
		}
	});

	test('what the session is set to before the transaction comes back after it', async () => {
		await client.query('ROLLBACK');
		const set = `SET TIME ZONE 'Asia/Tokyo'; SET DateStyle = 'German'; SET ROLE service_role`;
		await client.query(set);
		const before = await client.query(everythingSet);
		await client.query('BEGIN');
		const { destinations } = db.forOrganization(organizationId, { transaction: handleOf(client) });
		const { createdAt } = await destinations.create(input(organizationId));
		expect(Math.abs(Date.now() - createdAt.getTime())).toBeLessThan(60_000);
		await client.query("SET LOCAL TIME ZONE 'America/New_York'");
		expect((await destinations.list()).items).toMatchObject([{ createdAt }]);
		await client.query('COMMIT');
		expect((await client.query(everythingSet)).rows).toEqual(before.rows);
		await client.query('RESET ROLE; RESET TIME ZONE; RESET DateStyle');
	});

	test('names are values, whatever is in them', async () => {
		await client.query('SET LOCAL standard_conforming_strings = off');
		const { destinations } = db.forOrganization(organizationId, { transaction: handleOf(client) });
		const { id } = await destinations.create(input(organizationId));
		for (const name of [
			`'; DROP TABLE destinations; --`,
			`\\'; SELECT 1; --`,
			`$1 $2 $destinations$ ? ?? :x {"a":1} (a,"b")`,
			`\\\\ "" , ) (`,
			'\u{1f600} é \u2028 x',
			`consent-destinations{"code":"40001"}consent-destinations`,
		]) {
			expect((await destinations.update(id, { name })).name).toBe(name);
			expect((await destinations.list({ name })).items).toMatchObject([{ id, name }]);
		}
	});

	test('a database without destinations is named as such', async () => {
		const empty = await createEmptyDatabase();
		const other = new Client({ connectionString: empty.connectionString });
		await other.connect();
		try {
			await other.query('BEGIN');
			const { destinations } = db.forOrganization(organizationId, { transaction: handleOf(other) });
			await expect(destinations.create(input(organizationId))).rejects.toThrow(
				/^The database of the transaction has no destinations/,
			);
		} finally {
			await other.end();
			await empty.drop();
		}
	});

	test('it has neither Prisma nor a transaction of its own, and says why', () => {
		const scope = db.forOrganization(organizationId, { transaction: handleOf(client) });
		expect(() => Reflect.get(scope, 'prisma')).toThrow(UnsupportedError);
		expect(() => Reflect.get(scope, 'transaction')).toThrow(UnsupportedError);
		expect(Object.keys(scope)).toEqual(['destinations', 'audit']);
	});
});

test('a connection that is gone is UNAVAILABLE, or the transaction over', async () => {
	for (const handleOf of Object.values(kinds)) {
		const gone = new Client({ connectionString: service.connectionString });
		gone.on('error', () => {});
		await gone.connect();
		await gone.query('BEGIN');
		const { rows } = await gone.query('SELECT pg_backend_pid() AS pid');
		const { destinations } = db.forOrganization(organizationId, { transaction: handleOf(gone) });
		await destinations.count();
		await service.admin.query('SELECT pg_terminate_backend($1)', [rows[0].pid]);
		await expect(destinations.create(input(organizationId))).rejects.toMatchObject({
			code: expect.stringMatching(/^(UNAVAILABLE|UNSUPPORTED)$/),
		});
		await gone.end().catch(() => {});
	}
});

test.each([undefined, null, 1, 'BEGIN', {}, [], { query: 1 }, { $queryRawUnsafe: () => {} }])(
	'%p is no transaction',
	(transaction) => {
		// Callers without types may pass anything.
		const options = { transaction } as unknown as { transaction: HostTransaction };
		expect(() => db.forOrganization(organizationId, options)).toThrow(ValidationError);
		expect(() => db.asService(options)).toThrow(ValidationError);
	},
);

describe('a handle that lies', () => {
	const send: QueryTransactionClient['query'] = (text, values) => client.query(text, values);
	const liars: Readonly<Record<string, () => QueryTransactionClient>> = {
		'returns nothing': () => ({ query: async () => ({ rows: [] }) }),
		'returns no rows at all': () => ({ query: async () => ({}) as { rows: [] } }),
		'returns rows of its own': () => ({ query: async () => ({ rows: [{ result: 'x' }] }) }),
		'drops the block': () => ({
			query: async (text, values) => (text.startsWith('DO') ? { rows: [] } : send(text, values)),
		}),
		'swaps the values': () => ({ query: (text, values) => send(text, [...values].reverse()) }),
		'drops the values': () => ({
			query: (text, values) =>
				send(
					text,
					values.map(() => ''),
				),
		}),
		'answers what was asked before': () => {
			let last: { readonly rows: readonly unknown[] } = { rows: [] };
			return {
				query: async (text, values) => {
					const answer = last;
					last = await send(text, values);
					return answer;
				},
			};
		},
		'has a transaction for each statement': () => ({
			query: async (text, values) => {
				await service.admin.query('BEGIN');
				try {
					return await service.admin.query(text, values);
				} finally {
					await service.admin.query('COMMIT');
				}
			},
		}),
		'sends by turns on two connections': () => {
			let turn = 0;
			return {
				query: (text, values) => (turn++ % 2 === 0 ? client : service.admin).query(text, values),
			};
		},
		'hides errors': () => ({
			query: async (text, values) =>
				client.query(text.replace('DO ', 'NO '), values).catch(() => ({ rows: [] })),
		}),
	};

	test.each(Object.entries(liars))(
		'and %s gets an error, and nothing is written',
		async (_, lie) => {
			const before = await written();
			const { destinations } = db.forOrganization(organizationId, { transaction: lie() });
			await expect(destinations.create(input(organizationId))).rejects.toMatchObject({
				code: expect.stringMatching(/^(UNSUPPORTED|VALIDATION|CONFIGURATION)$/),
			});
			await client.query('COMMIT');
			expect(await written()).toEqual(before);
		},
	);

	test('a call that is refused is left nowhere', async () => {
		const { destinations } = db.forOrganization(organizationId, { transaction: asQuery(client) });
		await destinations.count();
		await client.query('COMMIT AND CHAIN');
		await expect(destinations.count()).rejects.toThrow(UnsupportedError);
		const { rows } = await client.query("SELECT current_setting('destinations.call') AS call");
		expect(rows).toEqual([{ call: '' }]);
	});

	test('a stale answer of one call is never the answer of another', async () => {
		const own = db.forOrganization(theirs, { transaction: asQuery(client) });
		const [made] = await own.destinations.findByType('posthog');
		const mine = db.forOrganization(organizationId, { transaction: asQuery(client) });
		// Two handles of one connection do not know of each other's turns.
		const results = await Promise.allSettled(
			Array.from({ length: 5 }, () => [own.destinations.list(), mine.destinations.list()]).flat(),
		);
		const seen = results.map((result, at) =>
			result.status === 'fulfilled' ? result.value.items : at % 2 === 0 ? [made] : [],
		);
		expect(seen).toEqual(Array.from({ length: 5 }, () => [[made], []]).flat());
		for (const result of results) {
			if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(UnsupportedError);
		}
	});
});
