import { randomUUID } from 'node:crypto';
import { metaPixel, metaToken, posthog, posthogKey } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

async function stored(id: string) {
	const { rows } = await service.admin.query('SELECT * FROM destinations WHERE id = $1', [id]);
	return rows[0];
}

describe('create', () => {
	test('gives the whole destination, with defaults, and stores the settings sealed', async () => {
		const { destinations, organizationId } = await service.tenant();
		const made = await destinations.create(posthog(organizationId));
		expect(made).toMatchObject({
			organizationId,
			type: 'posthog',
			name: 'EU project',
			description: null,
			environment: 'production',
			settings: { apiKey: posthogKey, host: 'https://eu.i.posthog.com', enableClientSide: true },
			requiredConsent: ['measurement'],
			enabled: true,
			testMode: false,
			connectionStatus: 'unknown',
			version: 1,
			deletedAt: null,
		});
		expect(made.settings.apiKey).toBe(posthogKey); // typed by the type that was given
		const row = await stored(made.id);
		expect(Object.keys(row.settings).sort()).toEqual(['alg', 'ct', 'iv', 'kc', 'kid', 'v']);
		expect(JSON.stringify(row)).not.toContain(posthogKey);
	});

	test('refuses a second live one of the type in the environment', async () => {
		const { destinations, organizationId } = await service.tenant();
		await destinations.create(posthog(organizationId));
		await expect(destinations.create(posthog(organizationId))).rejects.toMatchObject({
			code: 'ALREADY_EXISTS',
		});
		await destinations.create({ ...posthog(organizationId), environment: 'staging' });
		await destinations.create(metaPixel(organizationId));
	});

	test('refuses an organization outside the scope, and one that there is not', async () => {
		const { destinations } = await service.tenant();
		await expect(destinations.create(posthog(randomUUID()))).rejects.toMatchObject({
			code: 'FORBIDDEN',
		});
		await expect(
			service.db.asService().destinations.create(posthog(randomUUID())),
		).rejects.toMatchObject({ code: 'NOT_FOUND' });
	});

	test('names every issue and no value, and writes nothing', async () => {
		const { destinations, organizationId } = await service.tenant();
		const input = {
			...posthog(organizationId),
			name: ' ',
			settings: { apiKey: 'phx_secret', x: 1 },
		};
		const error = await destinations.create(input).catch((reason: unknown) => reason);
		expect(error).toMatchObject({ code: 'VALIDATION' });
		expect(
			(error as { issues: { path: string[] }[] }).issues.map(({ path }) => path.join('.')),
		).toEqual(expect.arrayContaining(['name', 'settings.apiKey', 'settings']));
		expect(JSON.stringify(error)).not.toContain('phx_secret');
		expect(await destinations.findByOrganization(organizationId)).toEqual([]);
	});

	test('notes the actor, and refuses an input that names another user', async () => {
		const organizationId = await service.createOrganization();
		const [actorId, other] = [await service.createUser(), await service.createUser()];
		const refused = { code: 'VALIDATION', issues: [{ path: ['createdBy'] }] };
		const own = { ...posthog(organizationId), createdBy: actorId };
		const foreign = { ...own, createdBy: other };
		for (const { destinations } of [
			service.db.forOrganization(organizationId, { actorId }),
			service.db.asService({ actorId }),
			service.db.forOrganization(organizationId),
		]) {
			await expect(destinations.create(foreign)).rejects.toMatchObject(refused);
			expect(await destinations.findByOrganization(organizationId)).toEqual([]);
		}
		const { destinations } = service.db.forOrganization(organizationId, { actorId });
		const made = await destinations.create({ ...own, createdBy: actorId.toUpperCase() });
		expect(made).toMatchObject({ createdBy: actorId, updatedBy: actorId });
	});

	test('takes the user whom the input names, of a service without an actor', async () => {
		const organizationId = await service.createOrganization();
		const createdBy = await service.createUser();
		const { destinations } = service.db.asService();
		const made = await destinations.create({ ...posthog(organizationId), createdBy });
		expect(made).toMatchObject({ createdBy });
	});
});

describe('find', () => {
	test('findById gives null for a deleted, a foreign and an unknown one, and refuses what is no id', async () => {
		const [a, b] = [await service.tenant(), await service.tenant()];
		const made = await a.destinations.create(posthog(a.organizationId));
		expect(await a.destinations.findById(made.id)).toEqual(made);
		expect(await b.destinations.findById(made.id)).toBeNull();
		expect(await a.destinations.findById(randomUUID())).toBeNull();
		await a.destinations.softDelete(made.id);
		expect(await a.destinations.findById(made.id)).toBeNull();
		await expect(a.destinations.findById('no-uuid')).rejects.toMatchObject({ code: 'VALIDATION' });
	});

	test('findByOrganization gives the newest first, of one environment if asked', async () => {
		const { destinations, organizationId } = await service.tenant();
		const first = await destinations.create(posthog(organizationId));
		const second = await destinations.create({
			...metaPixel(organizationId),
			environment: 'staging',
		});
		const ids = async (...args: ['staging'?]) =>
			(await destinations.findByOrganization(organizationId, ...args)).map(({ id }) => id);
		expect(await ids()).toEqual([second.id, first.id]);
		expect(await ids('staging')).toEqual([second.id]);
		await expect(destinations.findByOrganization(randomUUID())).rejects.toMatchObject({
			code: 'FORBIDDEN',
		});
	});

	test('findByType gives the scope its own, and the service everybody’s', async () => {
		const [a, b] = [await service.tenant(), await service.tenant()];
		const ofA = await a.destinations.create(metaPixel(a.organizationId));
		const ofB = await b.destinations.create(metaPixel(b.organizationId));
		expect((await a.destinations.findByType('meta-pixel')).map(({ id }) => id)).toEqual([ofA.id]);
		const all = await service.db.asService().destinations.findByType('meta-pixel', 'production');
		expect(all.map(({ id }) => id)).toEqual(expect.arrayContaining([ofA.id, ofB.id]));
	});
});

describe('update', () => {
	test('changes what is given, replaces settings whole, and counts versions', async () => {
		const { destinations, organizationId } = await service.tenant();
		const made = await destinations.create(posthog(organizationId));
		const renamed = await destinations.update(made.id, { name: 'US project', enabled: false });
		expect(renamed).toEqual({
			...made,
			name: 'US project',
			enabled: false,
			version: 2,
			updatedAt: renamed.updatedAt,
		});
		const key = `phc_${'n3W'.repeat(14)}`;
		const changed = await destinations.update(made.id, { settings: { apiKey: key } });
		expect(changed.settings).toMatchObject({ apiKey: key });
		expect(await destinations.findById(made.id)).toEqual(changed);
	});

	test('refuses settings of another type, immutable fields, and what is not there', async () => {
		const [a, b] = [await service.tenant(), await service.tenant()];
		const made = await a.destinations.create(posthog(a.organizationId));
		const refused = (changes: object, code: string, by = a) =>
			expect(by.destinations.update(made.id, changes)).rejects.toMatchObject({ code });
		await refused({ settings: { pixelId: '1234567890', accessToken: metaToken } }, 'VALIDATION');
		await refused({ type: 'console' }, 'VALIDATION');
		await refused({ organizationId: b.organizationId }, 'VALIDATION');
		await refused({ name: 'mine' }, 'NOT_FOUND', b);
		expect(await a.destinations.findById(made.id)).toEqual(made);
	});
});

describe('patchSettings', () => {
	test('merges, so that a form need not send the secret back; null removes', async () => {
		const { destinations, organizationId } = await service.tenant();
		const { id } = await destinations.create(metaPixel(organizationId));
		await destinations.patchSettings(id, { testEventCode: 'TEST123' });
		const patched = await destinations.patchSettings(id, { pixelId: '9876543210' });
		expect(patched.settings).toMatchObject({
			pixelId: '9876543210',
			accessToken: metaToken,
			testEventCode: 'TEST123',
		});
		const removed = await destinations.patchSettings(id, { testEventCode: null });
		expect(removed.settings).not.toHaveProperty('testEventCode');
	});

	test('loses no patch when several come at once', async () => {
		const { destinations, organizationId } = await service.tenant();
		const { id } = await destinations.create(metaPixel(organizationId));
		await Promise.all([
			destinations.patchSettings(id, { testEventCode: 'TEST123' }),
			destinations.patchSettings(id, { apiVersion: 'v26.0' }),
			destinations.patchSettings(id, { enableServerSide: false }),
		]);
		expect((await destinations.findById(id))?.settings).toMatchObject({
			accessToken: metaToken,
			testEventCode: 'TEST123',
			apiVersion: 'v26.0',
			enableServerSide: false,
		});
	});

	test('refuses a mask, and what the type does not know', async () => {
		const { destinations, organizationId } = await service.tenant();
		const made = await destinations.create(metaPixel(organizationId));
		for (const patch of [{ accessToken: '••••••••0kEn' }, { apiKey: 'x' }, { pixelId: null }]) {
			await expect(destinations.patchSettings(made.id, patch)).rejects.toMatchObject({
				code: 'VALIDATION',
			});
		}
		await expect(destinations.patchSettings(randomUUID(), {})).rejects.toMatchObject({
			code: 'NOT_FOUND',
		});
		expect(await destinations.findById(made.id)).toEqual(made);
	});
});

describe('softDelete and restore', () => {
	test('hide and bring back the same row, settings included', async () => {
		const { destinations, organizationId } = await service.tenant();
		const made = await destinations.create(posthog(organizationId));
		await destinations.softDelete(made.id);
		expect((await stored(made.id)).deleted_at).not.toBeNull();
		await expect(destinations.softDelete(made.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
		await destinations.restore(made.id);
		expect((await destinations.findById(made.id))?.settings).toEqual(made.settings);
		await expect(destinations.restore(made.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
	});

	test('refuse to restore into a place that is taken, and what belongs to others', async () => {
		const [a, b] = [await service.tenant(), await service.tenant()];
		const old = await a.destinations.create(posthog(a.organizationId));
		await expect(b.destinations.softDelete(old.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
		await a.destinations.softDelete(old.id);
		await a.destinations.create(posthog(a.organizationId));
		await expect(a.destinations.restore(old.id)).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
		await expect(b.destinations.restore(old.id)).rejects.toMatchObject({ code: 'NOT_FOUND' });
	});
});

describe('softDelete and restore of an expected version', () => {
	test('write that version alone, and say which one there is', async () => {
		const { destinations, organizationId } = await service.tenant();
		const { id } = await destinations.create(posthog(organizationId));
		const { version } = await destinations.update(id, { name: 'meanwhile' });
		const conflict = { code: 'CONFLICT', currentVersion: version };
		await expect(destinations.softDelete(id, { expectedVersion: 1 })).rejects.toMatchObject(
			conflict,
		);
		expect((await stored(id)).deleted_at).toBeNull();
		await destinations.softDelete(id, { expectedVersion: version });
		await expect(destinations.restore(id, { expectedVersion: version })).rejects.toMatchObject({
			code: 'CONFLICT',
			currentVersion: version + 1,
		});
		expect((await stored(id)).deleted_at).not.toBeNull();
		// What is there no longer, or still, is no conflict.
		await expect(
			destinations.softDelete(id, { expectedVersion: version + 1 }),
		).rejects.toMatchObject({ code: 'NOT_FOUND' });
		await destinations.restore(id, { expectedVersion: version + 1 });
		await expect(destinations.restore(id, { expectedVersion: version })).rejects.toMatchObject({
			code: 'NOT_FOUND',
		});
		expect(await destinations.findById(id)).toMatchObject({ version: version + 2 });
	});

	test('tell nothing of what belongs to others', async () => {
		const [a, b] = [await service.tenant(), await service.tenant()];
		const { id } = await a.destinations.create(posthog(a.organizationId));
		const call = b.destinations.softDelete(id, { expectedVersion: 9 });
		await expect(call).rejects.toMatchObject({ code: 'NOT_FOUND' });
		await a.destinations.softDelete(id);
		const again = b.destinations.restore(id, { expectedVersion: 9 });
		await expect(again).rejects.toMatchObject({ code: 'NOT_FOUND' });
	});
});

test('a transaction does all of it or, when it throws, nothing', async () => {
	const { destinations, organizationId, transaction } = await service.tenant();
	const failure = new Error('changed my mind');
	await expect(
		transaction(async (tx) => {
			const made = await tx.destinations.create(posthog(organizationId));
			await tx.destinations.update(made.id, { settings: { apiKey: posthogKey } });
			throw failure;
		}),
	).rejects.toBe(failure);
	expect(await destinations.findByOrganization(organizationId)).toEqual([]);
	const made = await transaction((tx) => tx.destinations.create(posthog(organizationId)));
	expect(await destinations.findById(made.id)).toEqual(made);
});
