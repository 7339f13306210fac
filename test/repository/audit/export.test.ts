import { Client } from 'pg';
import type { AuditExportOptions, AuditLog } from '../../../src/index.ts';
import { metaPixel, posthog } from '../../support/destinations.ts';
import { type Service, startService } from '../../support/service.ts';

let service: Service;
const sessions: Client[] = [];

beforeAll(async () => {
	service = await startService();
});

afterAll(async () => {
	await Promise.all(sessions.map((session) => session.end()));
	await service.stop();
});

/** A destination, and sessions of superusers that change its name, each in a transaction of its own. */
async function tenant() {
	const organizationId = await service.createOrganization();
	const scope = service.db.forOrganization(organizationId);
	const { id } = await scope.destinations.create(posthog(organizationId));
	const { id: other } = await scope.destinations.create(metaPixel(organizationId));
	return { organizationId, ...scope, id, other };
}

async function session(): Promise<Client> {
	const client = new Client({ connectionString: service.connectionString });
	await client.connect();
	sessions.push(client);
	await client.query('BEGIN');
	return client;
}

const rename = (client: Client, id: string, name: string) =>
	client.query('UPDATE destinations SET name = $2 WHERE id = $1', [id, name]);

/** What an export has, and where the next one begins. */
async function exported(audit: AuditLog, options: AuditExportOptions = {}) {
	let cursor: string | undefined;
	const onCursor = (next: string) => {
		cursor = next;
	};
	const entries: { id: string; destinationId: string; changes: { name?: { new: string } } }[] = [];
	for await (const line of audit.export({ ...options, onCursor })) entries.push(JSON.parse(line));
	if (cursor === undefined) throw new Error('the export did not say where the next one begins');
	return { entries, names: entries.flatMap(({ changes }) => changes.name?.new ?? []), cursor };
}

describe('from a cursor on, an export has', () => {
	test('what came since, and nothing twice', async () => {
		const { audit, destinations, id } = await tenant();
		const first = await exported(audit);
		expect(first.names).toEqual(['EU project', 'Shop']);
		await destinations.update(id, { name: 'one' });
		const second = await exported(audit, { cursor: first.cursor });
		expect(second.names).toEqual(['one']);
		expect((await exported(audit, { cursor: second.cursor })).names).toEqual([]);
		expect((await exported(audit, { cursor: first.cursor })).names).toEqual(['one']);
	});

	test('what was written before and committed after, by a transaction that was known to run', async () => {
		const { audit, destinations, id, other } = await tenant();
		const slow = await session();
		await rename(slow, id, 'slow');
		await destinations.update(other, { name: 'quick' });
		const first = await exported(audit);
		expect(first.names).toEqual(['EU project', 'Shop', 'quick']);
		const unchanged = await exported(audit, { cursor: first.cursor });
		expect(unchanged.names).toEqual([]);
		await slow.query('COMMIT');
		await destinations.update(other, { name: 'later' });
		for (const { cursor } of [first, unchanged]) {
			expect((await exported(audit, { cursor })).names).toEqual(['slow', 'later']);
		}
	});

	test('also by one that began behind all that had ended, which no snapshot lists', async () => {
		const { audit, id, other } = await tenant();
		const [first, second] = [await session(), await session()];
		await first.query('SELECT pg_current_xact_id()');
		await rename(second, id, 'second');
		await rename(first, other, 'first');
		await first.query('COMMIT');
		const before = await exported(audit);
		expect(before.names).toEqual(['EU project', 'Shop', 'first']);
		await second.query('COMMIT');
		const after = await exported(audit, { cursor: before.cursor });
		expect(after.names).toEqual(['second']);
		expect((await exported(audit, { cursor: after.cursor })).names).toEqual([]);
	});

	test('nothing of what was rolled back', async () => {
		const { audit, id } = await tenant();
		const lost = await session();
		await rename(lost, id, 'lost');
		const { cursor } = await exported(audit);
		await lost.query('ROLLBACK');
		expect((await exported(audit, { cursor })).names).toEqual([]);
	});

	test('what commits while it goes on in the next one, and in that alone', async () => {
		const { audit, organizationId, id, other } = await tenant();
		await manyEntries(organizationId, other, 600);
		const slow = await session();
		await rename(slow, id, 'slow');
		await manyEntries(organizationId, other, 600);
		let cursor = '';
		const lines = audit.export({
			onCursor: (next) => {
				cursor = next;
			},
		});
		const names: string[] = [];
		for await (const line of lines) {
			if (names.length === 0) await slow.query('COMMIT').catch(() => undefined);
			names.push(JSON.parse(line).changes.name?.new);
		}
		expect(names).toHaveLength(1202);
		expect(names).not.toContain('slow');
		expect((await exported(audit, { cursor })).names).toEqual(['slow']);
	});

	test('none of another organization', async () => {
		const [a, b] = [await tenant(), await tenant()];
		const { cursor } = await exported(b.audit);
		await a.destinations.update(a.id, { name: 'of a' });
		await b.destinations.update(b.id, { name: 'of b' });
		expect((await exported(b.audit, { cursor })).names).toEqual(['of b']);
		const seen = await exported(a.audit, { cursor });
		expect(seen.names).toContain('of a');
		expect(seen.entries.every(({ destinationId }) => [a.id, a.other].includes(destinationId))).toBe(
			true,
		);
	});

	test('what meets the filter, late or not', async () => {
		const { audit, destinations, id, other } = await tenant();
		const slow = await session();
		await rename(slow, id, 'slow');
		await destinations.update(other, { name: 'quick' });
		const { cursor } = await exported(audit);
		await slow.query('COMMIT');
		await destinations.update(id, { enabled: false });
		await destinations.update(other, { name: 'later' });
		const ids = async (options: AuditExportOptions) =>
			(await exported(audit, { cursor, ...options })).names;
		expect(await ids({ destinationId: id })).toEqual(['slow']);
		expect(await ids({ action: 'updated' })).toEqual(['slow', 'later']);
		expect(await ids({ from: new Date(Date.now() + 60_000) })).toEqual([]);
		expect(await ids({ to: new Date(Date.now() + 60_000) })).toEqual(['slow', 'later']);
	});
});

async function manyEntries(organizationId: string, destinationId: string, count: number) {
	await service.admin.query('SET session_replication_role = replica');
	await service.admin.query(
		`INSERT INTO destination_audit_log (organization_id, destination_id, version, action, role, login, transaction_id)
		 SELECT $1, $2, 1, 'updated', 'x', 'x', pg_current_xact_id()::text::bigint FROM generate_series(1, $3::integer)`,
		[organizationId, destinationId, count],
	);
	await service.admin.query('RESET session_replication_role');
}

test('exports one after another have each entry once, whoever writes meanwhile', async () => {
	const tenants = [await tenant(), await tenant(), await tenant()];
	const system = service.db.asService().audit;
	const own = tenants[0]?.audit ?? system;
	let writing = true;
	const writers = [0, 1, 2, 3, 4, 5].map(async (n) => {
		const client = await session();
		await client.query('ROLLBACK');
		for (let round = 0; round < 60; round += 1) {
			const target = tenants[(n + round) % tenants.length];
			await client.query('BEGIN');
			if (n % 2 === 0) await client.query('SELECT pg_current_xact_id()');
			// Of two destinations, so that writers wait for each other as little as they can.
			await rename(client, (n < 3 ? target?.id : target?.other) ?? '', `${n}.${round}`);
			if (n % 3 === 0) await client.query('SELECT pg_sleep(0.01)');
			await client.query(round % 9 === 8 ? 'ROLLBACK' : 'COMMIT');
		}
	});
	const done = Promise.all(writers).finally(() => {
		writing = false;
	});
	const seen: Record<'system' | 'own', string[]> = { system: [], own: [] };
	const cursors: { system?: string; own?: string } = {};
	for (let last = false; !last; ) {
		last = !writing;
		for (const [name, audit] of [
			['system', system],
			['own', own],
		] as const) {
			const cursor = cursors[name];
			const part = await exported(audit, cursor === undefined ? {} : { cursor });
			cursors[name] = part.cursor;
			seen[name].push(...part.entries.map(({ id }) => id));
		}
	}
	await done;
	const idsOf = async (where: string, values: unknown[]) =>
		(
			await service.admin.query<{ id: string }>(
				`SELECT id FROM destination_audit_log ${where} ORDER BY id`,
				values,
			)
		).rows.map(({ id }) => id);
	const sorted = (ids: string[]) => [...ids].sort((a, b) => Number(a) - Number(b));
	expect(sorted(seen.system)).toEqual(await idsOf('', []));
	expect(sorted(seen.own)).toEqual(
		await idsOf('WHERE organization_id = $1', [tenants[0]?.organizationId]),
	);
});

describe('a cursor', () => {
	const partsOf = (cursor: string): unknown[] =>
		JSON.parse(Buffer.from(cursor, 'base64url').toString());
	const cursorOf = (parts: unknown) => Buffer.from(JSON.stringify(parts)).toString('base64url');
	const changes: Record<string, (parts: unknown[]) => unknown> = {
		'of another version': ([_, ...parts]) => [2, ...parts],
		'without a part': (parts) => parts.slice(1),
		'with one more': (parts) => [...parts, '1'],
		'with a number that is none': (parts) => parts.with(2, 'x'),
		'with a number of no bigint': (parts) => parts.with(3, '9223372036854775808'),
		'with half of what was under way': (parts) => parts.with(5, null),
		'of another server': (parts) => parts.with(1, `${parts[1]}0`),
		'of a time to come': (parts) => parts.with(3, String(10n ** 18n)),
		'that is a text': () => 'x',
	};

	test.each(Object.entries(changes))('%s is refused', async (_, change) => {
		const { audit } = await tenant();
		const { cursor } = await exported(audit);
		expect((await exported(audit, { cursor: cursorOf(partsOf(cursor)) })).names).toEqual([]);
		for (const refused of [cursorOf(change(partsOf(cursor)))]) {
			await expect(exported(audit, { cursor: refused })).rejects.toMatchObject({
				code: 'VALIDATION',
				issues: [{ path: ['cursor'] }],
			});
		}
	});

	test.each(['', 'x', '5', '{}'])('%p is refused', async (cursor) => {
		const { audit } = await tenant();
		await expect(exported(audit, { cursor })).rejects.toMatchObject({ code: 'VALIDATION' });
	});

	test('of a standby repeats what it cannot know, and misses nothing', async () => {
		const { audit, destinations, id, other } = await tenant();
		const slow = await session();
		await rename(slow, id, 'slow');
		await destinations.update(other, { name: 'quick' });
		const { cursor } = await exported(audit);
		await slow.query('COMMIT');
		// As a standby writes it: its snapshot does not list what runs.
		const ofStandby = partsOf(cursor).with(4, null).with(5, null);
		const { names } = await exported(audit, { cursor: cursorOf(ofStandby) });
		expect(names).toContain('slow');
	});

	test('says nothing that its scope may not know', async () => {
		const { audit, organizationId } = await tenant();
		const { cursor } = await exported(audit);
		const { rows } = await service.admin.query<{ id: string }>(
			'SELECT max(id)::text AS id FROM destination_audit_log WHERE organization_id = $1',
			[organizationId],
		);
		expect(partsOf(cursor).at(-1)).toBe(rows[0]?.id);
	});
});
