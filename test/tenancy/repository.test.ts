import { randomUUID } from 'node:crypto';
import type { DestinationsClient, ScopedTransaction } from '../../src/index.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { codesOf } from './refusal.ts';

// Every method of the repository and the audit log, from one organization at the rows of another.

let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;
let b: Tenant;

beforeAll(async () => {
	deployment = await Deployment.open();
	db = await deployment.openWithTwoLogins();
	a = await deployment.newTenant(db);
	b = await deployment.newTenant(db);
});

afterAll(() => deployment.close());

type Call = (scope: ScopedTransaction, target: { id: string; row: string }) => Promise<unknown>;

const nobody = '00000000-0000-0000-0000-000000000000';

async function exported(scope: ScopedTransaction, filter: object): Promise<string[]> {
	const lines: string[] = [];
	for await (const line of scope.audit.export(filter)) lines.push(line);
	return lines;
}

/** What each comes to: the rows, or the code of the error. */
const calls: Record<string, [Call, unknown]> = {
	'destinations.findById': [({ destinations }, { row }) => destinations.findById(row), null],
	'destinations.findByOrganization': [
		({ destinations }, { id }) => destinations.findByOrganization(id),
		'FORBIDDEN',
	],
	'destinations.list of the organization': [
		({ destinations }, { id: organizationId }) => destinations.list({ organizationId }),
		'FORBIDDEN',
	],
	'destinations.count of the organization': [
		({ destinations }, { id: organizationId }) => destinations.count({ organizationId }),
		'FORBIDDEN',
	],
	'destinations.create': [
		({ destinations }, { id: organizationId }) =>
			destinations.create({ organizationId, type: 'console', name: 'x', settings: {} }),
		'FORBIDDEN',
	],
	'destinations.update': [
		({ destinations }, { row }) => destinations.update(row, { name: 'x' }),
		'NOT_FOUND',
	],
	'destinations.patchSettings': [
		({ destinations }, { row }) => destinations.patchSettings(row, { apiKey: 'phc_x' }),
		'NOT_FOUND',
	],
	'destinations.copyTo': [
		({ destinations }, { row }) => destinations.copyTo(row, 'staging', { overwrite: true }),
		'NOT_FOUND',
	],
	'destinations.diff': [({ destinations }, { row }) => destinations.diff(row, row), 'NOT_FOUND'],
	'destinations.diff of a version': [
		({ destinations }, { row }) => destinations.diff(row, { id: row, version: 1 }),
		'NOT_FOUND',
	],
	'destinations.softDelete': [
		({ destinations }, { row }) => destinations.softDelete(row),
		'NOT_FOUND',
	],
	'destinations.restore': [({ destinations }, { row }) => destinations.restore(row), 'NOT_FOUND'],
	'destinations.softDelete of a version': [
		({ destinations }, { row }) => destinations.softDelete(row, { expectedVersion: 9 }),
		'NOT_FOUND',
	],
	'destinations.restore of a version': [
		({ destinations }, { row }) => destinations.restore(row, { expectedVersion: 9 }),
		'NOT_FOUND',
	],
	'destinations.testConnection': [
		({ destinations }, { row }) => destinations.testConnection(row),
		'NOT_FOUND',
	],
	'destinations.testConnectionOutcome': [
		({ destinations }, { row }) => destinations.testConnectionOutcome(row),
		'NOT_FOUND',
	],
	'destinations.history': [({ destinations }, { row }) => destinations.history(row), 'NOT_FOUND'],
	'destinations.revert': [({ destinations }, { row }) => destinations.revert(row, 1), 'NOT_FOUND'],
	'audit.list': [
		({ audit }, { row: destinationId }) => audit.list({ destinationId }),
		{ items: [], nextCursor: null },
	],
	'audit.list of the organization': [
		({ audit }, { id: organizationId }) => audit.list({ organizationId }),
		{ items: [], nextCursor: null },
	],
	'audit.export': [(scope, { row: destinationId }) => exported(scope, { destinationId }), []],
	'audit.export of the organization': [
		(scope, { id: organizationId }) => exported(scope, { organizationId }),
		[],
	],
};

async function outcome(work: () => Promise<unknown>): Promise<unknown> {
	try {
		return await work();
	} catch (error) {
		return codesOf(error);
	}
}

describe.each(Object.entries(calls))('%s', (name, [call, expected]) => {
	test('comes to the same for a row of another organization and for none', async () => {
		const foreign = { id: b.id, row: b.own.id };
		expect(await outcome(() => call(a.client, foreign))).toEqual(expected);
		expect(await outcome(() => call(a.client, { id: nobody, row: randomUUID() }))).toEqual(
			expected,
		);
	});

	test('in a transaction too', async () => {
		// Connections are tested outside of transactions alone.
		if (name.startsWith('destinations.testConnection')) return;
		const inside = a.client.transaction((scope) => call(scope, { id: b.id, row: b.own.id }));
		expect(await outcome(() => inside)).toEqual(expected);
	});
});

test('what is listed is of the own organization, from whichever cursor', async () => {
	const other = await deployment.newTenant(db);
	for (const type of ['console', 'mixpanel'] as const) {
		const settings = type === 'console' ? {} : { projectToken: 'f'.repeat(32) };
		await other.client.prisma.destination.create({
			data: { organizationId: other.id, type, name: type, settings },
		});
	}
	const { nextCursor } = await other.client.destinations.list({ limit: 1 });
	const { nextCursor: entryCursor } = await other.client.audit.list({ limit: 1 });
	expect([nextCursor, entryCursor]).toEqual([expect.any(String), expect.any(String)]);
	const behind = await a.client.destinations.list({ cursor: nextCursor ?? '' });
	const before = await a.client.destinations.list({ order: 'oldest' });
	expect([...behind.items, ...before.items].filter(({ id }) => id !== a.own.id)).toEqual([]);
	expect((await a.client.destinations.list()).items).toEqual([a.own]);
	expect(await a.client.destinations.count()).toBe(1);
	const entries = await a.client.audit.list({ cursor: entryCursor ?? '' });
	expect(entries.items.length).toBeGreaterThan(0);
	expect(entries.items.every(({ organizationId }) => organizationId === a.id)).toBe(true);
});

test('what is for good is up to the service', async () => {
	const old = new Date(Date.now() + 60_000);
	for (const call of [
		() => a.client.destinations.purge(a.gone.id),
		() => a.client.destinations.purgeDeleted({ olderThan: old }),
		() => a.client.destinations.pruneSettingsHistory({ olderThan: old }),
	]) {
		expect(await outcome(call)).toBe('FORBIDDEN');
	}
	expect(await a.client.prisma.destination.withDeleted().count()).toBe(2);
});

test('an edit tells the names of the changed settings for its own row alone', async () => {
	const tenant = await deployment.newTenant(db);
	await tenant.client.destinations.patchSettings(tenant.own.id, { apiKey: 'phc_patched' });
	const { items } = await tenant.client.audit.list({ limit: 1 });
	expect(items).toMatchObject([
		{ organizationId: tenant.id, actorId: tenant.actorId, role: 'authenticated' },
	]);
	// The claim goes with the statement that it is about.
	expect(
		await tenant.client.prisma.$queryRaw`
			SELECT current_setting('request.jwt.claims') LIKE '%settings_change%' AS told`,
	).toEqual([{ told: false }]);
});
