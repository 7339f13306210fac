import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import type { DestinationListFilter, DestinationOrder } from '../../src/index.ts';
import { metaPixel, posthog } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

describe('pages of destinations', () => {
	test('miss none and show none twice, also of one moment', async () => {
		const { destinations, organizationId } = await service.tenant();
		await service.admin.query(
			`INSERT INTO destinations (organization_id, type, name, environment)
			 SELECT $1, type, 'x', environment FROM unnest(ARRAY['console', 'posthog', 'mixpanel']) AS type,
			   unnest(ARRAY['production', 'staging', 'development']) AS environment`,
			[organizationId],
		);
		const seen: string[] = [];
		let cursor: string | undefined;
		for (let pages = 0; pages < 9; pages += 1) {
			const page = await destinations.list({ limit: 2, cursor });
			seen.push(...page.items.map(({ id }) => id));
			if (page.nextCursor === null) break;
			cursor = page.nextCursor;
			// The one at the cursor is deleted, and new ones come.
			await destinations.softDelete(String(page.items.at(-1)?.id));
			if (pages === 0) await destinations.create(metaPixel(organizationId));
		}
		expect(new Set(seen).size).toBe(9);
		expect(seen).toHaveLength(9);
		const console = await destinations.list({ type: 'console', environment: 'staging' });
		expect(console.items.length).toBeLessThanOrEqual(1);
	});

	test('go on where they were, also where the one at the cursor was purged', async () => {
		const { destinations, organizationId } = await service.tenant();
		const first = await destinations.create(posthog(organizationId));
		const second = await destinations.create(metaPixel(organizationId));
		const { nextCursor } = await destinations.list({ limit: 1 });
		await destinations.softDelete(second.id);
		await service.db.asService().destinations.purge(second.id);
		const { items } = await destinations.list({ cursor: String(nextCursor) });
		expect(items.map(({ id }) => id)).toEqual([first.id]);
	});

	test('of another organization are refused', async () => {
		const { destinations } = await service.tenant();
		const { organizationId } = await service.tenant();
		await expect(destinations.list({ organizationId })).rejects.toMatchObject({
			code: 'FORBIDDEN',
		});
	});
});

describe('a list', () => {
	const names = ['Äpfel', 'apple', 'Banana', 'b_nana', '100%', '1000', 'EU project', 'eu'];
	const types = ['console', 'posthog', 'mixpanel'] as const;
	const environments = ['production', 'staging', 'development'] as const;
	const statuses = ['connected', 'failed', 'unknown', 'testing'] as const;
	let organizationId: string;
	interface Row {
		readonly id: string;
		readonly type: string;
		readonly environment: string;
		readonly enabled: boolean;
		readonly connection_status: string;
		readonly name: string;
		readonly lowered: string;
		readonly created: string;
		readonly changed: string;
	}
	let rows: Row[];

	beforeAll(async () => {
		organizationId = await service.createOrganization();
		const { admin } = service;
		// Of few moments, and past the triggers, so that places are told apart by ids alone.
		await admin.query('SET session_replication_role = replica');
		await admin.query(
			`INSERT INTO destinations (organization_id, type, environment, name, enabled, connection_status, created_at, updated_at, deleted_at)
			 SELECT $1, type, environment, ($2::text[])[1 + n % 8], n % 3 <> 0, ($3::text[])[1 + n % 4],
			        '2026-01-01 00:00:00.000001Z'::timestamptz + (n / 2) * interval '1 microsecond',
			        '2026-02-01 00:00:00.000001Z'::timestamptz + (n % 4) * interval '1 microsecond',
			        CASE WHEN n > 8 THEN now() END
			   FROM (SELECT type, environment, (row_number() OVER (ORDER BY again, type, environment) - 1)::integer AS n
			           FROM unnest($4::text[]) AS type, unnest($5::text[]) AS environment, generate_series(1, 2) AS again) AS made`,
			[organizationId, names, statuses, [...types], [...environments]],
		);
		await admin.query('RESET session_replication_role');
		await admin.query(
			`INSERT INTO destinations (organization_id, type, name) SELECT $1, 'console', 'apple'`,
			[await service.createOrganization()],
		);
		const found = await admin.query<Row>(
			`SELECT id, type, environment, enabled, connection_status, name, lower(name) AS lowered,
			        created_at::text AS created, updated_at::text AS changed
			   FROM destinations WHERE organization_id = $1 AND deleted_at IS NULL ORDER BY lower(name), id`,
			[organizationId],
		);
		rows = found.rows;
		expect(rows).toHaveLength(9);
	});

	const descending = (by: (row: Row) => string) => (a: Row, b: Row) =>
		by(a) === by(b) ? (a.id < b.id ? 1 : -1) : by(a) < by(b) ? 1 : -1;
	const newest = descending(({ created }) => created);
	const sorts: Record<DestinationOrder, (rows: readonly Row[]) => Row[]> = {
		newest: (rows) => [...rows].sort(newest),
		oldest: (rows) => [...rows].sort((a, b) => -newest(a, b)),
		changed: (rows) => [...rows].sort(descending(({ changed }) => changed)),
		name: (rows) => [...rows], // as Postgres read them
	};

	function meets(row: Row, filter: DestinationListFilter): boolean {
		const { type, environment, enabled, connectionStatus, name } = filter;
		return (
			(type ?? row.type) === row.type &&
			(environment ?? row.environment) === row.environment &&
			(enabled ?? row.enabled) === row.enabled &&
			(connectionStatus ?? row.connection_status) === row.connection_status &&
			row.lowered.includes((name ?? '').toLowerCase())
		);
	}

	/** At most two conditions, so that there is something to be found. */
	const filters = fc
		.tuple(
			fc.record({
				type: fc.constantFrom(...types),
				environment: fc.constantFrom(...environments),
				enabled: fc.boolean(),
				connectionStatus: fc.constantFrom(...statuses),
				name: fc.constantFrom('APP', 'an', '%', '_', '100', 'eu', 'nothing', 'pfel'),
			}),
			fc.subarray(['type', 'environment', 'enabled', 'connectionStatus', 'name', 'name'], {
				maxLength: 2,
			}),
		)
		.map(([all, names]): DestinationListFilter => {
			return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));
		});

	test('has what meets all conditions, in order, whatever the pages', async () => {
		const scopes = [service.db.forOrganization(organizationId), service.db.asService()];
		const orders = fc.constantFrom(...(Object.keys(sorts) as DestinationOrder[])); // its own keys
		await fc.assert(
			fc.asyncProperty(
				filters,
				orders,
				fc.integer({ min: 1, max: 4 }),
				fc.boolean(),
				async (given, order, limit, byService) => {
					const filter = { ...given, organizationId };
					const expected = sorts[order](rows.filter((row) => meets(row, filter)));
					const { destinations } = scopes[byService ? 1 : 0] ?? service.db.asService();
					const found: string[] = [];
					let cursor: string | null | undefined;
					while (cursor !== null) {
						const page = await destinations.list({ ...filter, order, limit, cursor });
						found.push(...page.items.map(({ id }) => id));
						expect(page.items.length).toBeLessThanOrEqual(limit);
						expect(new Set(found).size).toBe(found.length);
						cursor = page.nextCursor;
					}
					expect(found).toEqual(expected.map(({ id }) => id));
					expect(await destinations.count(filter)).toBe(expected.length);
				},
			),
			{ numRuns: 100 },
		);
	});

	test('by name goes on behind a name that is another one by now', async () => {
		const { destinations, organizationId } = await service.tenant();
		const make = (name: string, environment: (typeof environments)[number]) =>
			destinations.create({ ...posthog(organizationId), name, environment });
		const a = await make('a', 'production');
		await make('b', 'staging');
		await make('c', 'development');
		const { items, nextCursor } = await destinations.list({ order: 'name', limit: 1 });
		expect(items.map(({ name }) => name)).toEqual(['a']);
		await destinations.update(a.id, { name: 'z' });
		const rest = await destinations.list({ order: 'name', cursor: String(nextCursor) });
		expect(rest.items.map(({ name }) => name)).toEqual(['b', 'c', 'z']);
	});

	test.each([
		[{ enabled: true }, 'enabled'],
		[{ connectionStatus: 'failed' as const }, 'connectionStatus'],
		[{ name: 'a' }, 'name'],
	])('of all organizations is refused by %j, which no index has', async (filter, field) => {
		const { destinations } = service.db.asService();
		const refused = { code: 'VALIDATION', issues: [{ path: [field] }] };
		await expect(destinations.list(filter)).rejects.toMatchObject(refused);
		await expect(destinations.count(filter)).rejects.toMatchObject(refused);
	});

	test.each(['changed', 'name'] as const)(
		'of all organizations is refused by %s',
		async (order) => {
			const list = service.db.asService().destinations.list({ order });
			await expect(list).rejects.toMatchObject({ issues: [{ path: ['order'] }] });
		},
	);

	const place = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url');
	const id = '0193a1b2-0000-7000-8000-000000000001';
	const time = '2026-01-01T00:00:00.000001+00:00';
	test.each([
		'',
		'x',
		id,
		place({}),
		place(['newest', time]),
		place(['newest', time, id, id]),
		place(['newest', time, 'x']),
		place(['newest', 1, id]),
		place(['oldest', time, id]),
		place(['newest', 'infinity', id]),
		place(['newest', '2026-02-30T00:00:00+00:00', id]),
		place(['newest', '2026-01-01T00:00:00+02:00', id]),
		place(['newest', '0000-01-01T00:00:00+00:00', id]),
		'a'.repeat(5000),
	])('refuses the cursor %p', async (cursor) => {
		const { destinations } = await service.tenant();
		await expect(destinations.list({ cursor })).rejects.toMatchObject({
			code: 'VALIDATION',
			issues: [{ path: ['cursor'] }],
		});
	});

	test('refuses a name behind which Postgres would not read', async () => {
		const { destinations } = await service.tenant();
		const cursor = place(['name', 'a\0b', id]);
		await expect(destinations.list({ order: 'name', cursor })).rejects.toMatchObject({
			code: 'VALIDATION',
		});
		await expect(destinations.list({ name: ' ' })).rejects.toMatchObject({ code: 'VALIDATION' });
		expect(await destinations.list({ cursor: place(['newest', time, randomUUID()]) })).toEqual({
			items: [],
			nextCursor: null,
		});
	});
});
