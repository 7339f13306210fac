/** Everything that a scope can do answers on three databases what it answers on one. */
import type { AuditEntry, Page, ScopedClient } from '../../src/index.ts';
import { everyCall, type Subject, unlisted } from '../repository/every-call.ts';
import { Sharded } from './sharded.ts';

let sharded: Sharded;
let actorId: string;

beforeAll(async () => {
	sharded = await Sharded.open();
	actorId = await sharded.newUser();
});
afterAll(() => sharded[Symbol.asyncDispose]());

/** The same on both sides, each done by a scope. */
interface Sides {
	readonly many: ScopedClient;
	readonly one: ScopedClient;
}

const asService = (): Sides => ({
	many: sharded.db.asService({ actorId }),
	one: sharded.oneDb.asService({ actorId }),
});
const forOrganization = (id: string): Sides => ({
	many: sharded.db.forOrganization(id, { actorId }),
	one: sharded.oneDb.forOrganization(id, { actorId }),
});

/** What an organization has on both sides, with the ids of each side. */
async function makeRows(organizationId: string, name: string) {
	const onEach = async (scope: ScopedClient) => {
		const { destinations } = scope;
		const base = { organizationId, name, environment: 'production' } as const;
		const settings = { apiKey: 'phc_first' };
		const made = await destinations.create({ ...base, type: 'posthog', settings });
		await destinations.update(made.id, { name: `${name}, renamed` });
		await destinations.update(made.id, { settings: { apiKey: 'phc_second' } });
		const gone = await destinations.create({
			...base,
			type: 'mixpanel',
			settings: { projectToken: '0123456789abcdef0123456789abcdef' },
		});
		await destinations.softDelete(gone.id);
		const tested = await destinations.create({ ...base, type: 'console', settings: {} });
		return { made: made.id, gone: gone.id, tested: tested.id };
	};
	const { many, one } = asService();
	return { organizationId, many: await onEach(many), one: await onEach(one) };
}

/** What one side answers, with what it made itself left out: ids, times, numbers of the log. */
async function outcomeOf(answer: Promise<unknown>): Promise<unknown> {
	const outcome = await answer.catch((error: Error) => [error.name, error.message]);
	const made =
		/^(id|createdAt|updatedAt|lastTestedAt|recordedAt|transactionId|destinationId|nextCursor|login|latencyMillis|durationMs|durationMillis)$/;
	const text = JSON.stringify(outcome ?? null, (key, value) =>
		made.test(key) && value !== null ? typeof value : value,
	);
	return JSON.parse(
		text
			.replace(/\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)/g, 'a time')
			.replace(/[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g, 'an id'),
	);
}

test('every call of both scopes answers and does what it does on one database', async () => {
	expect(unlisted(asService().many)).toEqual([]);
	expect(unlisted(asService().one)).toEqual([]);
	let made = 0;
	for (const [name, call] of Object.entries(everyCall)) {
		for (const sidesOf of [forOrganization, asService]) {
			{
				const place = made++ % 3;
				const rows = await makeRows(await sharded.newOrganization(place), `${name} ${place}`);
				const { organizationId } = rows;
				const which = /^(restore|purge)$/.test(name)
					? 'gone'
					: name.startsWith('test')
						? 'tested'
						: 'made';
				const sides = sidesOf(organizationId);
				const many: Subject = { organizationId, id: rows.many[which] };
				const one: Subject = { organizationId, id: rows.one[which] };
				const expected = await outcomeOf(call(sides.one, one));
				expect([name, await outcomeOf(call(sides.many, many))]).toEqual([name, expected]);
				const after = { organizationId, limit: 1000 } as const;
				const state = async ({ destinations, audit }: ScopedClient) => [
					await outcomeOf(destinations.list(after)),
					await outcomeOf(audit.list(after)),
				];
				expect(await state(asService().many)).toEqual(await state(asService().one));
			}
		}
	}
});

/** All pages of a list, by what is the same on both sides. */
async function pagesOf<T>(
	page: (cursor: string | undefined) => Promise<Page<T>>,
	show: (item: T) => unknown,
): Promise<unknown[][]> {
	const pages: unknown[][] = [];
	for (let cursor: string | undefined; ; ) {
		const { items, nextCursor } = await page(cursor);
		pages.push(items.map(show));
		if (nextCursor === null) return pages;
		cursor = nextCursor;
	}
}

const nameOf = ({ name }: { readonly name: string }) => name;

describe('of many organizations', () => {
	const organizations: Awaited<ReturnType<typeof makeRows>>[] = [];
	beforeAll(async () => {
		// Not in turn, so that a page has more of one shard than of others, and a shard ends before others.
		for (const place of [0, 1, 1, 1, 2, 0, 0, 1, 2, 1]) {
			const id = await sharded.newOrganization(place);
			organizations.push(await makeRows(id, `Organization ${organizations.length}`));
		}
	});

	test.each([1, 2, 7, 1000])('pages of %i have the same rows in the same order', async (limit) => {
		for (const order of ['newest', 'oldest'] as const) {
			for (const filter of [{}, { type: 'posthog' }, { environment: 'production' }] as const) {
				const list = ({ destinations }: ScopedClient) =>
					pagesOf((cursor) => destinations.list({ ...filter, order, limit, cursor }), nameOf);
				const expected = await list(asService().one);
				expect(await list(asService().many)).toEqual(expected);
			}
		}
	});

	test('a cursor stays where it is while rows come and go', async () => {
		const { destinations } = asService().many;
		const before = (await destinations.list({ limit: 1000 })).items;
		const first = await destinations.list({ limit: 3 });
		await makeRows(await sharded.newOrganization(0), 'Later');
		await destinations.softDelete(String(first.items[2]?.id));
		const rest = await destinations.list({ limit: 1000, cursor: first.nextCursor ?? '' });
		expect(rest.items.map(({ id }) => id)).toEqual(before.slice(3).map(({ id }) => id));
		await destinations.restore(String(first.items[2]?.id));
	});

	test('findByType and count go over all', async () => {
		const found = ({ destinations }: ScopedClient) =>
			Promise.all([
				destinations.findByType('posthog').then((all) => all.map(nameOf)),
				destinations.findByType('posthog', 'staging').then((all) => all.map(nameOf)),
				destinations.count({ type: 'posthog' }),
			]);
		expect(await found(asService().many)).toEqual(await found(asService().one));
	});

	test.each([1, 4, 1000])(
		'pages of %i of the log have every entry once, by time',
		async (limit) => {
			const { audit } = asService().many;
			const show = ({ action, organizationId, recordedAt }: AuditEntry) => ({
				...{ action, organizationId },
				at: recordedAt.getTime(),
			});
			const pages = await pagesOf((cursor) => audit.list({ limit, cursor }), show);
			const entries = pages.flat() as ReturnType<typeof show>[];
			const counts = await sharded.counts('destination_audit_log');
			expect(entries).toHaveLength(counts.reduce((a, b) => a + b));
			expect(entries.map(({ at }) => at)).toEqual(
				entries.map(({ at }) => at).sort((a, b) => b - a),
			);
			if (limit === 4) expect(pages.slice(0, -1).every(({ length }) => length === 4)).toBe(true);
		},
	);

	test('a page of the log has what was written before the list began, once', async () => {
		const { audit } = asService().many;
		const all = (await audit.list({ limit: 1000 })).items;
		const first = await audit.list({ limit: 5 });
		await makeRows(await sharded.newOrganization(2), 'Later');
		const rest = await audit.list({ limit: 1000, cursor: first.nextCursor ?? '' });
		const placed = ({ organizationId, id }: AuditEntry) => `${organizationId} ${id}`;
		expect(rest.items.map(placed)).toEqual(all.slice(5).map(placed));
	});

	test('an export has every entry by time, and goes on where it ended', async () => {
		const { audit } = asService().many;
		let cursor = '';
		const take = async (options: object) => {
			const lines: AuditEntry[] = [];
			const onCursor = (next: string) => {
				cursor = next;
			};
			for await (const line of audit.export({ ...options, onCursor })) lines.push(JSON.parse(line));
			return lines;
		};
		const first = await take({});
		const counts = await sharded.counts('destination_audit_log');
		expect(first).toHaveLength(counts.reduce((a, b) => a + b));
		const times = first.map(({ recordedAt }) => String(recordedAt));
		expect(times).toEqual([...times].sort());
		const id = await sharded.newOrganization(1);
		await makeRows(id, 'Exported later');
		const later = await take({ cursor });
		expect(new Set(later.map(({ organizationId }) => organizationId))).toEqual(new Set([id]));
		expect(await take({ cursor })).toEqual([]);
	});

	test('diff compares destinations of different shards', async () => {
		const [first, , , , second] = organizations;
		const diff = (side: 'many' | 'one') =>
			asService()[side].destinations.diff(
				{ id: String(first?.[side].made), version: 1 },
				String(second?.[side].made),
			);
		const expected = await diff('one');
		expect(expected.length).toBeGreaterThan(0);
		expect(await diff('many')).toEqual(expected);
	});

	test('the history of what was purged is found by its log', async () => {
		const rows = organizations[3];
		for (const side of ['many', 'one'] as const) {
			const { destinations } = asService()[side];
			await destinations.purge(String(rows?.[side].gone));
		}
		const history = (side: 'many' | 'one') =>
			outcomeOf(asService()[side].destinations.history(String(rows?.[side].gone)));
		expect(await history('many')).toEqual(await history('one'));
	});

	test('retention removes on every shard, and says how many of all', async () => {
		const { destinations } = asService().many;
		const removed: number[] = [];
		const onProgress = (progress: { readonly removed: number }) => removed.push(progress.removed);
		const deleted = await sharded.counts('destinations', 'deleted_at IS NOT NULL');
		expect(deleted.every((count) => count > 0)).toBe(true);
		const all = deleted.reduce((a, b) => a + b);
		expect(await destinations.purgeDeleted({ olderThan: new Date(), onProgress })).toBe(all);
		expect(removed.at(-1)).toBe(all);
		expect(await sharded.counts('destinations', 'deleted_at IS NOT NULL')).toEqual([0, 0, 0]);
		const earlier = await sharded.counts('destination_settings_history');
		expect(await destinations.pruneSettingsHistory({ keep: 0 })).toBe(
			earlier.reduce((a, b) => a + b),
		);
	});
});
