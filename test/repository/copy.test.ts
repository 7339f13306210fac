import {
	createDestinationsClient,
	type Destination,
	type DestinationRepository,
	type DestinationsClient,
	type KeyProvider,
	Keyring,
} from '../../src/index.ts';
import { metaPixel, metaToken, posthog } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

/** What a copy has of its original. */
function copied(destination: Destination) {
	const { organizationId, type, name, description } = destination;
	const { settings, requiredConsent, enabled, testMode } = destination;
	const fields = { settings, requiredConsent, enabled, testMode };
	return { organizationId, type, name, description, ...fields };
}

describe('copyTo', () => {
	test('makes a destination of its own, sealed anew, and the log says of which one', async () => {
		const { destinations, audit, organizationId, actorId } = await service.actingTenant();
		const { id } = await destinations.create({
			...metaPixel(organizationId),
			...{ description: 'of the shop', testMode: true, enabled: false },
		});
		const original = await destinations.patchSettings(id, { testEventCode: 'TEST123' });
		const copy = await destinations.copyTo(id, 'staging');
		expect(copied(copy)).toEqual(copied(original));
		expect(copy).toMatchObject({ environment: 'staging', version: 1, createdBy: actorId });
		expect(copy.id).not.toBe(id);
		expect(await destinations.findById(id)).toEqual(original);
		const { rows } = await service.admin.query(
			`SELECT DISTINCT settings ->> 'iv' FROM destinations WHERE organization_id = $1`,
			[organizationId],
		);
		expect(rows).toHaveLength(2);
		const { items } = await audit.list({ destinationId: copy.id });
		expect(items).toMatchObject([
			{ action: 'copied', version: 1, actorId, changes: { copiedFrom: { new: id } } },
		]);
		expect(JSON.stringify(items)).not.toContain(metaToken);
		// It goes its own way.
		await destinations.patchSettings(copy.id, { pixelId: '9876543210' });
		expect(await destinations.findById(id)).toEqual(original);
		expect((await destinations.history(copy.id)).items).toMatchObject([
			{ version: 2, changedSettings: ['pixelId'] },
			{ version: 1, action: 'copied', changedSettings: [] },
		]);
	});

	test('refuses where there is one, and overwrites it where it is told to, as a new version', async () => {
		const { destinations, audit, organizationId } = await service.actingTenant();
		const original = await destinations.create({ ...metaPixel(organizationId), enabled: false });
		const there = await destinations.create({
			...{ ...metaPixel(organizationId), environment: 'staging', name: 'There' },
			settings: { pixelId: '5555555555', accessToken: `${metaToken}X`, testEventCode: 'TEST9' },
		});
		await expect(destinations.copyTo(original.id, 'staging')).rejects.toMatchObject({
			code: 'ALREADY_EXISTS',
		});
		expect(await destinations.findById(there.id)).toEqual(there);
		const copy = await destinations.copyTo(original.id, 'staging', { overwrite: true });
		expect(copy).toMatchObject({ id: there.id, version: 2, environment: 'staging' });
		expect(copied(copy)).toEqual(copied(original));
		expect((await audit.list({ destinationId: there.id, limit: 1 })).items).toMatchObject([
			{
				action: 'copied',
				changes: { copiedFrom: { new: original.id }, enabled: { old: true, new: false } },
				settings: { changed: true, fields: ['accessToken', 'pixelId', 'testEventCode'] },
			},
		]);
		const back = await destinations.revert(there.id, 1);
		expect(copied(back)).toEqual(copied(there));
		// What is a copy already is left as it is.
		const again = await destinations.copyTo(original.id, 'staging', { overwrite: true });
		const entries = (await audit.list()).items.length;
		expect(await destinations.copyTo(original.id, 'staging', { overwrite: true })).toEqual(again);
		expect((await audit.list()).items).toHaveLength(entries);
		const made = await destinations.copyTo(original.id, 'development', { overwrite: true });
		expect(made).toMatchObject({ version: 1 });
	});

	test('takes the place of one whose settings do not open', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const original = await destinations.create(metaPixel(organizationId));
		const there = await destinations.copyTo(original.id, 'staging');
		await service.admin.query(
			`UPDATE destinations SET settings = jsonb_set(settings, '{ct}', '"AAAA"') WHERE id = $1`,
			[there.id],
		);
		const copy = await destinations.copyTo(original.id, 'staging', { overwrite: true });
		expect(copied(copy)).toEqual(copied(original));
	});

	test('refuses the environment that it is in, and what is not there', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		for (const environment of ['production', 'elsewhere' as 'production'] as const) {
			await expect(destinations.copyTo(id, environment)).rejects.toMatchObject({
				code: 'VALIDATION',
				issues: [{ path: ['environment'] }],
			});
		}
		await destinations.softDelete(id);
		await expect(destinations.copyTo(id, 'staging')).rejects.toMatchObject({ code: 'NOT_FOUND' });
		expect(await destinations.count()).toBe(0);
	});

	test('is part of the transaction that it is made in', async () => {
		const { destinations, transaction, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		const failure = new Error('changed my mind');
		const failed = transaction(async (tx) => {
			await tx.destinations.copyTo(id, 'staging');
			throw failure;
		});
		await expect(failed).rejects.toBe(failure);
		expect(await destinations.count()).toBe(1);
		const copy = await transaction((tx) => tx.destinations.copyTo(id, 'staging'));
		expect(await destinations.findById(copy.id)).toEqual(copy);
	});

	test('is of one version, and makes one destination, whoever else writes at the same time', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		const keyOf = (n: number) => `phc_${String(n).repeat(8)}`;
		const calls = [1, 2, 3, 4, 5, 6].flatMap((n) => [
			destinations.update(id, { name: `name ${n}`, settings: { apiKey: keyOf(n) } }),
			destinations.copyTo(id, 'staging', { overwrite: true }),
		]);
		await Promise.all(calls);
		const copy = (await destinations.findByOrganization(organizationId, 'staging'))[0];
		const again = await destinations.copyTo(id, 'staging', { overwrite: true });
		expect(again.id).toBe(copy?.id);
		const { items } = await destinations.history(again.id, { limit: 100 });
		for (const { version } of items) {
			const { name, settings } = await destinations.revert(again.id, version);
			const { apiKey } = settings as { apiKey: string };
			const number = name.startsWith('name ') ? Number(name.slice(5)) : undefined;
			if (number !== undefined) expect(apiKey).toBe(keyOf(number));
		}
		expect(await destinations.count({ type: 'posthog' })).toBe(2);
	});
});

describe('while the copy is sealed', () => {
	let meanwhile: () => Promise<unknown> = async () => undefined;
	let slow: DestinationsClient;

	beforeAll(() => {
		const ring = new Keyring(service.keys);
		const keys: KeyProvider = {
			cacheSeconds: 0,
			async primaryKeyId() {
				const once = meanwhile;
				meanwhile = async () => undefined;
				await once();
				return ring.primaryKeyId();
			},
			getKey: (id) => ring.getKey(id),
		};
		slow = createDestinationsClient({ connectionString: service.connectionString, keys });
	});

	afterAll(() => slow.close());

	async function slowly() {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		const copyTo = (options = {}) =>
			slow.forOrganization(organizationId).destinations.copyTo(id, 'staging', options);
		return { destinations, organizationId, id, copyTo };
	}

	/** One with other settings, which have to be sealed to be overwritten. */
	async function otherCopy(destinations: DestinationRepository, id: string) {
		const there = await destinations.copyTo(id, 'staging');
		return destinations.update(there.id, { settings: { apiKey: 'phc_other' } });
	}

	test.each([{}, { overwrite: true }])('the original may change: %j', async (options) => {
		const { destinations, id, copyTo } = await slowly();
		if ('overwrite' in options) await otherCopy(destinations, id);
		meanwhile = () => destinations.update(id, { name: 'changed' });
		expect(await copyTo(options)).toMatchObject({ name: 'changed' });
	});

	test.each([{}, { overwrite: true }])('the original may go: %j', async (options) => {
		const { destinations, organizationId, id, copyTo } = await slowly();
		if ('overwrite' in options) await otherCopy(destinations, id);
		meanwhile = () => destinations.softDelete(id);
		const before = await destinations.findByOrganization(organizationId, 'staging');
		await expect(copyTo(options)).rejects.toMatchObject({ code: 'NOT_FOUND' });
		expect(await destinations.findByOrganization(organizationId, 'staging')).toEqual(before);
	});

	test('another one may come, which is overwritten if that is allowed', async () => {
		const { destinations, organizationId, copyTo } = await slowly();
		const other = { ...posthog(organizationId), environment: 'staging', name: 'other' } as const;
		let came: Destination | undefined;
		meanwhile = async () => {
			came = await destinations.create(other);
		};
		await expect(copyTo()).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
		await destinations.softDelete(String(came?.id));
		meanwhile = async () => {
			came = await destinations.create(other);
		};
		const copy = await copyTo({ overwrite: true });
		expect(copy).toMatchObject({ id: came?.id, name: 'EU project', version: 2 });
	});

	test('the other one may go, so that a new one is made', async () => {
		const { destinations, id, copyTo } = await slowly();
		const there = await otherCopy(destinations, id);
		meanwhile = () => destinations.softDelete(there.id);
		const copy = await copyTo({ overwrite: true });
		expect(copy).toMatchObject({ version: 1 });
		expect(copy.id).not.toBe(there.id);
	});
});

const local = { apiKey: 'phc_example', host: 'http://localhost:8000' };
const refused = {
	code: 'VALIDATION',
	issues: [{ path: ['settings', 'host'], code: 'development_only' }],
};

describe('a local host, which is for development alone', () => {
	async function developed() {
		const { destinations, organizationId, transaction } = await service.actingTenant();
		const made = await destinations.create({
			...{ ...posthog(organizationId), environment: 'development', settings: local },
		});
		return { destinations, made, transaction };
	}

	test.each(['staging', 'production'] as const)('does not come to %s', async (environment) => {
		const { destinations, made, transaction } = await developed();
		const { id } = made;
		const calls = [
			() => destinations.copyTo(id, environment),
			() => destinations.update(id, { environment }),
			() => destinations.update(id, { environment, enabled: false }, { expectedVersion: 1 }),
			() => transaction((tx) => tx.destinations.update(id, { environment })),
		];
		for (const call of calls) await expect(call()).rejects.toMatchObject(refused);
		expect(await destinations.findById(id)).toEqual(made);
		const moved = await destinations.update(id, {
			environment,
			settings: { apiKey: local.apiKey },
		});
		expect(moved).toMatchObject({ environment, version: 2 });
	});

	test('does not come back to where it never was, by reverting', async () => {
		const { destinations, made } = await developed();
		const { id } = made;
		// As a row of an older release.
		await service.admin.query(`UPDATE destinations SET environment = 'production' WHERE id = $1`, [
			id,
		]);
		await destinations.update(id, { name: 'still there, and may be renamed' });
		await destinations.update(id, { environment: 'production', enabled: false });
		await destinations.update(id, { environment: 'development' });
		await expect(destinations.revert(id, 2)).rejects.toMatchObject(refused);
	});
});
