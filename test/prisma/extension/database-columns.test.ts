import { randomUUID } from 'node:crypto';
import { ExtendedDatabase, errorOf, posthogSettings, run } from '../../support/extended-client.ts';

// What the database writes by itself is refused, because it would be dropped in silence.

let db: ExtendedDatabase;
let organizationId: string;
let userId: string;
let id: string;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
	organizationId = await db.newOrganization();
	userId = await db.newUser();
	({ id } = await db.newDestination({ organizationId, createdBy: userId }));
});

afterAll(() => db.close());

const row = () => ({ type: 'console', name: 'new', environment: 'staging', settings: {} });
const newRow = () => ({ ...row(), organizationId });
const ofOrganization = (destinations: object) => ({
	where: { id: organizationId },
	data: { destinations },
});
const ofUser = (updatedDestinations: object) => ({
	where: { id: userId },
	data: { updatedDestinations },
});
const missing = () => ({ id: randomUUID() });

/** Every way to write columns of destinations. */
const writes: [string, string, string, (column: object) => object][] = [
	['create', 'destination', 'create', (c) => ({ data: { ...newRow(), ...c } })],
	['createMany', 'destination', 'createMany', (c) => ({ data: [newRow(), { ...newRow(), ...c }] })],
	[
		'createManyAndReturn',
		'destination',
		'createManyAndReturn',
		(c) => ({ data: { ...newRow(), ...c } }),
	],
	['update', 'destination', 'update', (data) => ({ where: { id }, data })],
	['updateMany', 'destination', 'updateMany', (data) => ({ where: { id }, data })],
	['updateManyAndReturn', 'destination', 'updateManyAndReturn', (data) => ({ data })],
	[
		'the create of an upsert',
		'destination',
		'upsert',
		(c) => ({ where: missing(), create: { ...newRow(), ...c }, update: {} }),
	],
	[
		'the update of an upsert',
		'destination',
		'upsert',
		(update) => ({ where: { id }, create: newRow(), update }),
	],
	[
		'a nested create',
		'organization',
		'update',
		(c) => ofOrganization({ create: { ...row(), ...c } }),
	],
	[
		'a new parent’s create',
		'user',
		'create',
		(c) => ({ data: { createdDestinations: { create: { ...newRow(), ...c } } } }),
	],
	[
		'a nested createMany',
		'organization',
		'update',
		(c) => ofOrganization({ createMany: { data: [{ ...row(), ...c }] } }),
	],
	[
		'a nested connectOrCreate',
		'user',
		'update',
		(c) => ofUser({ connectOrCreate: { where: missing(), create: { ...newRow(), ...c } } }),
	],
	[
		'a nested upsert’s create',
		'organization',
		'upsert',
		(c) => ({
			create: {},
			update: {
				destinations: { upsert: { where: missing(), create: { ...row(), ...c }, update: {} } },
			},
			where: { id: organizationId },
		}),
	],
	[
		'a nested upsert’s update',
		'user',
		'update',
		(update) => ofUser({ upsert: [{ where: { id }, create: newRow(), update }] }),
	],
	[
		'a nested update',
		'organization',
		'update',
		(data) => ofOrganization({ update: { where: { id }, data } }),
	],
	[
		'a nested updateMany',
		'organization',
		'update',
		(data) => ofOrganization({ updateMany: [{ where: {}, data }] }),
	],
];

const columns: [string, unknown][] = [
	['createdAt', new Date()],
	['createdAt', new Date().toISOString()],
	['createdAt', { set: new Date() }],
	['updatedAt', new Date()],
	['version', 7],
	['version', { increment: 1 }],
	['deletedAt', new Date()],
	['deletedAt', { set: new Date() }],
];

describe.each(writes)('%s', (name, model, operation, make) => {
	const creates = /create/i.test(name);
	it.each(columns.filter(([column]) => creates || column !== 'deletedAt'))(
		'refuses %s as %j, before anything is sent',
		async (column, value) => {
			let error: Awaited<ReturnType<typeof errorOf>> = new Error();
			const statements = await db.statementsOf(async () => {
				error = await errorOf(() => run(db.prisma, model, operation, make({ [column]: value })));
			});
			expect(error).toMatchObject({ code: 'VALIDATION', issues: [{ path: [column] }] });
			expect(statements).toEqual([]);
		},
	);
});

it('takes them as undefined, and no time of deletion', async () => {
	const data = { version: undefined, createdAt: undefined, updatedAt: undefined, deletedAt: null };
	const environment = 'development';
	const args = { data: { ...newRow(), ...data, environment, settings: posthogSettings() } };
	args.data.type = 'posthog';
	expect(await run(db.prisma, 'destination', 'create', args)).toMatchObject({ version: 1 });
});
