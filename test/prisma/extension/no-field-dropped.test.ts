import { randomUUID } from 'node:crypto';
import { Prisma } from '../../../src/generated/prisma/client.ts';
import type { ScopedClient } from '../../../src/index.ts';
import { type Service, startService } from '../../support/service.ts';

// What is given is written as it is, or refused with nothing written: no field is replaced or dropped in silence.

let service: Service;
let organizationId: string;
let other: string;
let users: [string, string];

beforeAll(async () => {
	service = await startService({ pool: { max: 2 } });
	[organizationId, other] = [
		await service.createOrganization(),
		await service.createOrganization(),
	];
	users = [await service.createUser(), await service.createUser()];
});

afterAll(() => service.stop());

beforeEach(async () => {
	await service.admin.query('DELETE FROM destinations');
});

type Write = (scope: ScopedClient, id: string, fields: object) => PromiseLike<unknown>;

const row = (id: string, fields: object) =>
	({ id, organizationId, type: 'console', name: 'x', environment: 'staging', ...fields }) as never;
const nested = (id: string, fields: object) => {
	const { organizationId: _, ...data } = row(id, {}) as { organizationId: string };
	return { ...data, ...fields } as never;
};
const existing = async ({ destinations }: ScopedClient) =>
	(
		await destinations.create({
			organizationId,
			type: 'console',
			name: 'x',
			settings: {},
			environment: 'staging',
		})
	).id;

/** Every way by which a row gets its first values. */
const creates: Record<string, Write> = {
	create: ({ prisma }, id, fields) => prisma.destination.create({ data: row(id, fields) }),
	createMany: ({ prisma }, id, fields) =>
		prisma.destination.createMany({ data: [row(id, fields)] }),
	createManyAndReturn: ({ prisma }, id, fields) =>
		prisma.destination.createManyAndReturn({ data: [row(id, fields)] }),
	upsert: ({ prisma }, id, fields) =>
		prisma.destination.upsert({ where: { id }, create: row(id, fields), update: {} }),
	'nested create': ({ prisma }, id, fields) =>
		prisma.organization.update({
			where: { id: organizationId },
			data: { destinations: { create: nested(id, fields) } },
		}),
	'nested createMany': ({ prisma }, id, fields) =>
		prisma.organization.update({
			where: { id: organizationId },
			data: { destinations: { createMany: { data: [nested(id, fields)] } } },
		}),
	'nested connectOrCreate': ({ prisma }, id, fields) =>
		prisma.organization.update({
			where: { id: organizationId },
			data: { destinations: { connectOrCreate: { where: { id }, create: nested(id, fields) } } },
		}),
	'nested upsert': ({ prisma }, id, fields) =>
		prisma.organization.update({
			where: { id: organizationId },
			data: { destinations: { upsert: { where: { id }, create: nested(id, fields), update: {} } } },
		}),
	repository: ({ destinations }, id, fields) => destinations.create(row(id, fields)),
};

/** Every way by which a row is changed. */
const updates: Record<string, Write> = {
	update: ({ prisma }, id, data) => prisma.destination.update({ where: { id }, data }),
	updateMany: ({ prisma }, id, data) => prisma.destination.updateMany({ where: { id }, data }),
	updateManyAndReturn: ({ prisma }, id, data) =>
		prisma.destination.updateManyAndReturn({ where: { id }, data }),
	upsert: ({ prisma }, id, update) =>
		prisma.destination.upsert({ where: { id }, create: row(id, {}), update }),
	'nested update': ({ prisma }, id, data) =>
		prisma.organization.update({
			where: { id: organizationId },
			data: { destinations: { update: { where: { id }, data } } },
		}),
	'nested updateMany': ({ prisma }, id, data) =>
		prisma.organization.update({
			where: { id: organizationId },
			data: { destinations: { updateMany: { where: { id }, data } } },
		}),
	'nested upsert': ({ prisma }, id, update) =>
		prisma.organization.update({
			where: { id: organizationId },
			data: { destinations: { upsert: { where: { id }, create: nested(id, {}), update } } },
		}),
	repository: ({ destinations }, id, fields) => destinations.update(id, fields),
};

const moment = new Date('2021-02-03T04:05:06.789Z');
/** A value that no row has by itself, for each field of the data model. */
const values: Record<Prisma.DestinationScalarFieldEnum, () => unknown> = {
	id: randomUUID,
	organizationId: () => other,
	type: () => 'mixpanel',
	name: () => 'given',
	description: () => 'given',
	environment: () => 'development',
	settings: () => ({ logLevel: 'debug' }),
	settingsEncrypted: () => false,
	requiredConsent: () => ['marketing'],
	enabled: () => false,
	testMode: () => true,
	lastTestedAt: () => moment,
	connectionStatus: () => 'failed',
	lastError: () => 'given',
	deletedAt: () => moment,
	version: () => 77,
	createdAt: () => moment,
	updatedAt: () => moment,
	createdBy: () => users[1],
	updatedBy: () => users[1],
};

const authors = { createdBy: values.createdBy, updatedBy: values.updatedBy };
const swept = new Set(['an organization with an actor', 'the service']);

const scopes: Record<string, () => ScopedClient> = {
	'an organization with an actor': () =>
		service.db.forOrganization(organizationId, { actorId: users[0] }),
	'an organization': () => service.db.forOrganization(organizationId),
	'the service with an actor': () => service.db.asService({ actorId: users[0] }),
	'the service': () => service.db.asService(),
};

const rows = async () =>
	(
		await service.admin.query<{ row: Record<string, unknown> }>(
			'SELECT to_jsonb(d) AS row FROM destinations AS d',
		)
	).rows.map(({ row: found }) => found);

test('every field of the data model is among them', () => {
	expect(Object.keys(values).sort()).toEqual(Object.keys(Prisma.DestinationScalarFieldEnum).sort());
});

describe.each(Object.entries(scopes))('in the scope of %s', (scopeName, scopeOf) => {
	const all = [
		...Object.entries(creates).map(([name, write]) => [`creates: ${name}`, false, write] as const),
		...Object.entries(updates).map(([name, write]) => [`updates: ${name}`, true, write] as const),
	];
	test.each(all)('%s', async (_, changes, write) => {
		const scope = scopeOf();
		// In the others nothing but the author differs.
		const fields = swept.has(scopeName) ? Object.entries(values) : Object.entries(authors);
		for (const [field, make] of fields) {
			await service.admin.query('DELETE FROM destinations');
			const id = changes ? await existing(scope) : randomUUID();
			const before = await rows();
			const value = make();
			const refused = await Promise.resolve(write(scope, id, { [field]: value })).then(
				() => false,
				() => true,
			);
			const after = await rows();
			if (refused) {
				expect({ field, after }).toEqual({ field, after: before });
				continue;
			}
			const column = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
			const [written] = after;
			// A time of deletion is the database's own, and settings are sealed.
			if (field === 'settings') expect(written?.settings).toHaveProperty('ct');
			else if (field === 'deletedAt') expect(written?.deleted_at).not.toBeNull();
			else {
				const shown =
					value instanceof Date ? new Date(String(written?.[column])) : written?.[column];
				expect({ field, shown }).toEqual({ field, shown: value });
			}
		}
	});
});
