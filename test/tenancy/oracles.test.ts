import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import type { DestinationsClient } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { refusal } from './refusal.ts';

// What one organization can learn of another by what it is refused. SECURITY.md lists what is left.

let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;
let b: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = await deployment.openWithTwoLogins();
});

beforeEach(async () => {
	a = await deployment.newTenant(db);
	b = await deployment.newTenant(db);
});

afterAll(() => deployment.close());

/** What a caller is told, with the ids that it gave itself taken out. */
async function told(work: () => PromiseLike<unknown>, ...ids: string[]): Promise<string> {
	const message = await Promise.resolve(work()).then(JSON.stringify, (error: unknown) => {
		const { name, code, message } = error as Error & { code?: string };
		return JSON.stringify({ name, code, message });
	});
	return ids.reduce((text, id) => text.replaceAll(id, 'ID'), message);
}

const taken = () => b.own.id;

describe('a row of another organization and one that never was are told alike', () => {
	const calls: Record<string, (id: string) => PromiseLike<unknown>> = {
		'destinations.findById': (id) => a.client.destinations.findById(id),
		'destinations.update': (id) => a.client.destinations.update(id, { name: 'x' }),
		'destinations.patchSettings': (id) => a.client.destinations.patchSettings(id, { apiKey: 'x' }),
		'destinations.copyTo': (id) => a.client.destinations.copyTo(id, 'staging'),
		'destinations.diff': (id) => a.client.destinations.diff(a.own.id, { id, version: 1 }),
		'destinations.softDelete': (id) => a.client.destinations.softDelete(id),
		'destinations.restore': (id) => a.client.destinations.restore(id),
		findUnique: (id) => a.client.prisma.destination.findUnique({ where: { id } }),
		findUniqueOrThrow: (id) => a.client.prisma.destination.findUniqueOrThrow({ where: { id } }),
		update: (id) => a.client.prisma.destination.update({ where: { id }, data: { name: 'x' } }),
		'update of settings': (id) =>
			a.client.prisma.destination.update({ where: { id }, data: { settings: { apiKey: 'x' } } }),
		delete: (id) => a.client.prisma.destination.delete({ where: { id } }),
		'a connected row': (id) =>
			a.client.prisma.organization.update({
				where: { id: a.id },
				data: { destinations: { connect: { id } } },
			}),
		'a cursor': (id) =>
			a.client.prisma.destination.findMany({ cursor: { id }, orderBy: { id: 'asc' } }),
		'a changed id': (id) =>
			a.client.prisma.destination.update({ where: { id: a.own.id }, data: { id } }),
		'$executeRaw, updating': (id) =>
			a.client.prisma.$executeRaw`UPDATE destinations SET name = 'x' WHERE id = ${id}::uuid`,
		'$queryRaw, locking': (id) =>
			a.client.prisma.$queryRaw`SELECT FROM destinations WHERE id = ${id}::uuid FOR UPDATE NOWAIT`,
	};
	test.each(Object.entries(calls))('by %s', async (_, call) => {
		const free = randomUUID();
		const lock = await deployment.connect();
		await lock.query('BEGIN');
		await lock.query('SELECT FROM destinations WHERE id = $1 FOR UPDATE', [taken()]);
		expect(await told(() => call(taken()), taken())).toBe(await told(() => call(free), free));
		await lock.query('ROLLBACK');
	});
});

describe('an organization that is there and one that is not are told alike', () => {
	const row = { type: 'console', name: 'x' } as const;
	const calls: Record<string, (id: string) => PromiseLike<unknown>> = {
		'destinations.create': (organizationId) =>
			a.client.destinations.create({
				...row,
				organizationId,
				settings: {},
				environment: 'staging',
			}),
		'destinations.findByOrganization': (id) => a.client.destinations.findByOrganization(id),
		create: (organizationId) =>
			a.client.prisma.destination.create({ data: { ...row, organizationId } }),
		'create, where it has one of the kind': (organizationId) =>
			a.client.prisma.destination.create({
				data: { type: 'posthog', name: 'x', organizationId, settings: { apiKey: 'x' } },
			}),
		'create, connecting': (id) =>
			a.client.prisma.destination.create({ data: { ...row, organization: { connect: { id } } } }),
		update: (organizationId) =>
			a.client.prisma.destination.update({ where: { id: a.own.id }, data: { organizationId } }),
		'organization.findUnique': (id) => a.client.prisma.organization.findUnique({ where: { id } }),
		'$executeRaw, inserting': (id) =>
			a.client.prisma.$executeRaw`INSERT INTO destinations (organization_id, type, name)
				VALUES (${id}::uuid, 'posthog', 'x') ON CONFLICT DO NOTHING`,
	};
	test.each(Object.entries(calls))('by %s', async (_, call) => {
		const free = randomUUID();
		expect(await told(() => call(b.id), b.id)).toBe(await told(() => call(free), free));
	});
});

test('a user who is named as author is neither believed nor looked for', async () => {
	const refusals = [b.actorId, randomUUID()].map((createdBy) =>
		told(
			() => a.client.prisma.$executeRaw`
				INSERT INTO destinations (organization_id, type, name, created_by)
				VALUES (${a.id}::uuid, 'console', 'x', ${createdBy}::uuid)`,
			createdBy,
		),
	);
	const [existing, missing] = await Promise.all(refusals);
	expect(existing).toBe(missing);
	expect(existing).toContain('are the actor of the claims');
});

describe('left, because an index of all organizations tells it', () => {
	const create = (id: string) =>
		a.client.prisma.destination.create({
			data: { id, organizationId: a.id, type: 'console', name: 'x' },
		});

	test('an id that is taken, by whomever, is told to be taken, and nothing more', async () => {
		const own = await told(() => create(a.own.id), a.own.id);
		expect(await told(() => create(taken()), taken())).toBe(own);
		expect(own).toContain('P2002');
		expect(own).not.toContain(b.id);
		await create(randomUUID());
	});

	test('so is it by ON CONFLICT, skipDuplicates and upsert', async () => {
		const insert = (id: string) =>
			a.client.prisma.$executeRaw`INSERT INTO destinations (id, organization_id, type, name)
				VALUES (${id}::uuid, ${a.id}::uuid, 'console', 'x') ON CONFLICT (id) DO NOTHING`;
		expect(await insert(taken())).toBe(0);
		expect(await insert(randomUUID())).toBe(1);
		const data = { id: taken(), organizationId: a.id, type: 'mixpanel', name: 'x' };
		const settings = { projectToken: 'f'.repeat(32) };
		expect(
			await a.client.prisma.destination.createMany({
				data: [{ ...data, settings }],
				skipDuplicates: true,
			}),
		).toEqual({ count: 0 });
		const upsert = a.client.prisma.destination.upsert({
			where: { id: taken() },
			create: { ...data, settings },
			update: { name: 'x' },
		});
		expect(await refusal(upsert)).toBe('P2002 23505');
	});
});

describe('left, because it is the word of the service', () => {
	test('an actor who is a user of the platform is taken, of whichever organization', async () => {
		const { destinations } = db.forOrganization(a.id, { actorId: b.actorId });
		expect(await destinations.update(a.own.id, { name: 'By B' })).toMatchObject({
			updatedBy: b.actorId,
		});
		const nobody = db.forOrganization(a.id, { actorId: randomUUID() }).destinations;
		expect(await refusal(nobody.update(a.own.id, { name: 'By nobody' }))).toBe('VALIDATION');
	});
});

test("left, because the log counts on: how many entries all organizations have between two of one's own", async () => {
	const created = async () => {
		const { items } = await a.client.audit.list({ destinationId: a.own.id, limit: 1 });
		return items[0]?.id ?? 0n;
	};
	await a.client.destinations.update(a.own.id, { name: 'Before' });
	const before = await created();
	for (const name of ['x', 'y', 'z']) await b.client.destinations.update(b.own.id, { name });
	await a.client.destinations.update(a.own.id, { name: 'After' });
	expect(BigInt(await created()) - BigInt(before)).toBe(4n);
});

describe('left to raw SQL', () => {
	test('how large the table of all organizations is', async () => {
		await deployment.rows('ANALYZE destinations');
		const [row] = await a.client.prisma.$queryRaw<{ rows: number }[]>`
			SELECT reltuples::int AS rows FROM pg_class WHERE relname = 'destinations'`;
		expect(row?.rows).toBeGreaterThan(2);
	});

	/** A value of this type that no row has. */
	const nowhere: Readonly<Record<string, () => string>> = {
		uuid: () => randomUUID(),
		'character varying': () => 'none',
		'timestamp with time zone': () => '1999-01-01',
	};

	/** How many rows a query of A read and left out, because they are somebody else's. */
	async function leftOut(table: string, column: string, value: string): Promise<number> {
		return a.client.transaction(async ({ prisma }) => {
			await prisma.$executeRaw`SET LOCAL enable_seqscan = off`;
			const [plan] = await prisma.$queryRawUnsafe<object[]>(
				`EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, FORMAT JSON)
					SELECT FROM public.${table} WHERE ${column} = '${value}'`,
			);
			const removed = JSON.stringify(plan).matchAll(/"Rows Removed by [^"]*":(\d+)/g);
			return [...removed].reduce((sum, [, count]) => sum + Number(count), 0);
		});
	}

	test('by EXPLAIN ANALYZE, how many rows of others have a value in an indexed column', async () => {
		// So many rows of A's own that an index of another column is cheaper than that of its organization.
		await deployment.rows(
			`INSERT INTO destinations (organization_id, type, name, deleted_at)
				SELECT $1, 'console', 'x', now() FROM generate_series(1, 2000)`,
			[a.id],
		);
		await deployment.rows(
			'INSERT INTO destination_data_keys (organization_id, wrapped_key) VALUES ($1, $2)',
			[b.id, Buffer.from('x')],
		);
		await deployment.rows('ANALYZE');
		// The first column of each index, but for the one that every policy compares.
		const indexed = await deployment.rows<{ table: string; column: string; type: string }>(`
			SELECT DISTINCT relname AS table, attname AS column, format_type(atttypid, NULL) AS type
			FROM pg_index JOIN pg_class AS c ON c.oid = indrelid
				JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
			WHERE relnamespace = 'public'::regnamespace AND relname <> '_prisma_migrations'
				AND attname <> 'organization_id'`);
		const told: string[] = [];
		for (const { table, column, type } of indexed) {
			const whose = { organizations: 'id', users: 'id' }[table] ?? 'organization_id';
			const [foreign] = await deployment.rows<{ value: string }>(
				`SELECT ${column}::text AS value FROM ${table} WHERE ${whose} = $1 AND ${column} IS NOT NULL LIMIT 1`,
				[table === 'users' ? b.actorId : b.id],
			);
			const none = nowhere[type]?.();
			if (foreign === undefined || none === undefined) continue;
			const rows =
				(await leftOut(table, column, foreign.value)) - (await leftOut(table, column, none));
			if (rows > 0) told.push(`${table}.${column}`);
		}
		// Which others depends on the plan. Of organizations and users nothing: their policies compare the id itself.
		expect(told).toEqual(expect.arrayContaining(['destinations.id', 'destinations.created_by']));
		expect(told.filter((column) => /^(organizations|users)/.test(column))).toEqual([]);
	});

	test('by statistics, how much all of them write', async () => {
		// A backend tells of its rows within a second of having written them.
		let inserted = 0;
		for (let attempt = 0; inserted === 0 && attempt < 100; attempt += 1) {
			const [row] = await a.client.prisma.$queryRaw<{ rows: bigint }[]>`
				SELECT n_tup_ins AS rows FROM pg_stat_user_tables WHERE relname = 'destinations'`;
			inserted = Number(row?.rows);
			await setTimeout(100);
		}
		expect(inserted).toBeGreaterThan(0);
	});

	test('but not what others do', async () => {
		const rows = await a.client.prisma.$queryRaw<{ query: string }[]>`
			SELECT query FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`;
		expect(new Set(rows.map(({ query }) => query))).toEqual(new Set(['<insufficient privilege>']));
		expect(
			await a.client.prisma.$queryRaw`SELECT FROM pg_stats WHERE tablename = 'destinations'`,
		).toEqual([]);
	});
});
