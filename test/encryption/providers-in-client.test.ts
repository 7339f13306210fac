import { setTimeout as delay } from 'node:timers/promises';
import { settingsError } from '../../src/destinations/unopened.ts';
import { countingProvider } from '../support/encryption.ts';
import {
	type ExtendedClient,
	ExtendedDatabase,
	errorOf,
	posthogSettings,
} from '../support/extended-client.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

const environments = ['production', 'staging', 'development'] as const;

/** Rows of three organizations, three each, sealed by a client of its own. */
async function newRows(client: ExtendedClient) {
	const organizations = [
		await db.newOrganization(),
		await db.newOrganization(),
		await db.newOrganization(),
	];
	const data = organizations.flatMap((organizationId) =>
		environments.map((environment) => ({
			organizationId,
			environment,
			type: 'posthog',
			name: 'EU project',
			settings: posthogSettings(),
		})),
	);
	await client.destination.createMany({ data });
	return { organizations, data, where: { organizationId: { in: organizations } } };
}

const names = (organizations: string[]) => organizations.map((id) => `one/${id}`).sort();

describe('the provider is asked', () => {
	it('once for each organization and key of a result, however it is nested', async () => {
		const counting = countingProvider({ cacheSeconds: Number.POSITIVE_INFINITY });
		const { organizations, data, where } = await newRows(db.connect(counting.provider));
		expect(counting.asked.sort()).toEqual(names(organizations));
		expect(counting.chosen.sort()).toEqual([...organizations].sort());
		for (const read of [
			(client: ExtendedClient) => client.destination.findMany({ where }),
			(client: ExtendedClient) =>
				client.organization.findMany({
					where: { id: { in: organizations } },
					include: { destinations: true },
				}),
			(client: ExtendedClient) =>
				client.destination.findMany({
					where,
					include: { organization: { include: { destinations: true } } },
				}),
		]) {
			const cold = db.connect(counting.provider);
			counting.asked.length = 0;
			expect(JSON.stringify(await read(cold))).toContain(data[0]?.settings.apiKey);
			expect(counting.asked.sort()).toEqual(names(organizations));
			await read(cold);
			expect(counting.asked).toHaveLength(organizations.length);
		}
		expect(counting.chosen).toHaveLength(organizations.length);
	});

	it('once for a write and once for a result without a cache too', async () => {
		const counting = countingProvider({ cacheSeconds: 0 });
		const client = db.connect(counting.provider);
		const { organizations, where } = await newRows(client);
		expect(counting.chosen.sort()).toEqual([...organizations].sort());
		expect(counting.asked.sort()).toEqual(names(organizations));
		counting.asked.length = 0;
		await client.destination.findMany({ where });
		expect(counting.asked.sort()).toEqual(names(organizations));
	});

	it('by nothing that reads no settings', async () => {
		const counting = countingProvider({ cacheSeconds: 0 });
		const client = db.connect(counting.provider);
		const { where } = await newRows(client);
		counting.asked.length = 0;
		counting.chosen.length = 0;
		await client.destination.findMany({ where, select: { name: true, type: true } });
		await client.destination.findMany({ where, omit: { settings: true } });
		await client.destination.count({ where });
		await client.destination.updateMany({ where, data: { name: 'renamed' } });
		await client.destination.deleteMany({ where });
		expect([...counting.asked, ...counting.chosen]).toEqual([]);
	});

	it('for all keys of a result at the same time', async () => {
		let waiting = 0;
		let most = 0;
		const counting = countingProvider({ cacheSeconds: 0 });
		const client = db.connect({
			...counting.provider,
			getKey: async (keyId, organizationId) => {
				waiting += 1;
				most = Math.max(most, waiting);
				await delay(20);
				waiting -= 1;
				return counting.provider.getKey(keyId, organizationId);
			},
		});
		const { where } = await newRows(client);
		most = 0;
		await client.destination.findMany({ where });
		expect(most).toBe(3);
	});
});

describe('a key that is not to be had', () => {
	/** A client whose provider can be taken away, with a row that it sealed. */
	async function newClient() {
		const counting = countingProvider({ cacheSeconds: 0 });
		const state = { down: false };
		const client = db.connect({
			...counting.provider,
			getKey: async (keyId, organizationId) => {
				if (state.down) throw new Error('secret-of-the-provider');
				return counting.provider.getKey(keyId, organizationId);
			},
		});
		const organizationId = await db.newOrganization();
		const data = { organizationId, type: 'posthog', name: 'EU', settings: posthogSettings() };
		const { id } = await client.destination.create({ data });
		return { client, state, id, organizationId, data };
	}

	it('undoes the interactive transaction that it happens in', async () => {
		const { client, state, id, data } = await newClient();
		const before = await db.stored(id);
		const error = await errorOf(() =>
			client.$transaction(async (tx) => {
				await tx.destination.updateMany({ where: { id }, data: { name: 'renamed' } });
				await tx.destination.delete({ where: { id }, select: { id: true } });
				state.down = true;
				await tx.destination.create({ data });
			}),
		);
		expect(error).toMatchObject({ code: 'KEY_UNAVAILABLE' });
		expect(error.message).not.toContain('secret-of-the-provider');
		expect(await db.stored(id)).toEqual(before);
	});

	it('undoes it on a read as well', async () => {
		const { client, state, id } = await newClient();
		const before = await db.stored(id);
		const error = await errorOf(() =>
			client.$transaction(async (tx) => {
				await tx.destination.updateMany({ where: { id }, data: { name: 'renamed' } });
				state.down = true;
				await tx.destination.findUnique({ where: { id } });
			}),
		);
		expect(error.code).toBe('KEY_UNAVAILABLE');
		expect(await db.stored(id)).toEqual(before);
	});

	it('lets nothing of a batch be sent', async () => {
		const { client, state, id } = await newClient();
		const before = await db.stored(id);
		state.down = true;
		const error = await errorOf(() =>
			client.$transaction([
				client.destination.updateMany({ where: { id }, data: { name: 'renamed' } }),
				client.destination.update({ where: { id }, data: { settings: posthogSettings() } }),
			]),
		);
		expect(error.code).toBe('KEY_UNAVAILABLE');
		expect(await db.stored(id)).toEqual(before);
	});

	it('leaves what needs no key working', async () => {
		const { client, state, id } = await newClient();
		state.down = true;
		expect(await client.destination.count({ where: { id } })).toBe(1);
		const rest = await client.destination.findUnique({ where: { id }, omit: { settings: true } });
		expect(rest).toMatchObject({ id, name: 'EU' });
		await client.destination.delete({ where: { id }, select: { id: true } });
		state.down = false;
		expect(await client.destination.findUnique({ where: { id } })).toBeNull();
	});

	it('leaves no rejection that nobody handles, beside a row that does not open at once', async () => {
		const { client, state, id } = await newClient();
		const altered = await newClient();
		await db.tamper(altered.id, `settings = jsonb_set(settings, '{iv}', '"short"')`);
		const unhandled: unknown[] = [];
		const note = (reason: unknown) => unhandled.push(reason);
		process.on('unhandledRejection', note);
		try {
			state.down = true;
			const rows = await client.destination.findMany({
				where: { id: { in: [id, altered.id] } },
				orderBy: { createdAt: 'asc' },
			});
			expect(rows.map((row) => settingsError(row)?.code)).toEqual([
				'KEY_UNAVAILABLE',
				'DECRYPTION_FAILED',
			]);
			await delay(20);
			expect(unhandled).toEqual([]);
		} finally {
			process.off('unhandledRejection', note);
		}
	});

	it('marks the rows that need it, and no others', async () => {
		const { client, organizationId, id } = await newClient();
		const foreign = await db.newDestination({ organizationId, environment: 'staging' });
		const codesFor = async (reader: ExtendedClient) =>
			Object.fromEntries(
				(await reader.destination.findMany({ where: { organizationId } })).map((row) => [
					row.id,
					settingsError(row)?.code,
				]),
			);
		expect(await codesFor(db.prisma)).toEqual({ [id]: 'UNKNOWN_KEY', [foreign.id]: undefined });
		expect(await codesFor(client)).toEqual({ [id]: undefined, [foreign.id]: 'DECRYPTION_FAILED' });
	});
});
