import { randomUUID } from 'node:crypto';
import { ConflictError, redact } from '../../../src/index.ts';
import { metaPixel, metaToken, posthog, posthogKey } from '../../support/destinations.ts';
import { type Service, startService } from '../../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

const otherKey = `phc_${'n3W'.repeat(14)}`;

describe('history', () => {
	test('lists versions, the newest first, with who made them and what changed', async () => {
		const { destinations, organizationId, actorId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.update(id, { name: 'Renamed', enabled: false });
		await destinations.patchSettings(id, { apiKey: otherKey, host: 'https://us.i.posthog.com' });
		await service.db.asService().destinations.update(id, { requiredConsent: ['marketing'] });
		const { items, nextCursor } = await destinations.history(id);
		expect(nextCursor).toBeNull();
		expect(items.map(({ recordedAt, settings, ...item }) => item)).toEqual([
			{
				version: 4,
				action: 'updated',
				actorId: null,
				changes: { requiredConsent: { old: ['measurement'], new: ['marketing'] } },
				changedSettings: [],
			},
			{ version: 3, action: 'updated', actorId, changes: {}, changedSettings: ['apiKey', 'host'] },
			{
				version: 2,
				action: 'disabled',
				actorId,
				changes: {
					name: { old: 'EU project', new: 'Renamed' },
					enabled: { old: true, new: false },
				},
				changedSettings: [],
			},
			expect.objectContaining({ version: 1, action: 'created', actorId, changedSettings: [] }),
		]);
		expect(items.every(({ recordedAt }) => recordedAt instanceof Date)).toBe(true);
		expect(items.map(({ settings }) => settings?.apiKey)).toEqual([
			...[otherKey, otherKey, posthogKey, posthogKey],
		]);
	});

	test('names settings that were changed where nobody told the log', async () => {
		const { destinations, prisma, transaction, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		const settings = { apiKey: otherKey };
		await prisma.destination.update({ where: { id }, data: { settings } });
		await transaction((tx) => tx.destinations.patchSettings(id, { enableClientSide: false }));
		await destinations.patchSettings(id, { enableClientSide: true, apiKey: posthogKey });
		const changed = (await destinations.history(id)).items.map((item) => item.changedSettings);
		expect(changed).toEqual([['apiKey', 'enableClientSide'], ['enableClientSide'], ['apiKey'], []]);
	});

	test('is told by the log where earlier settings are gone, and null where it was not told', async () => {
		const { destinations, prisma, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.patchSettings(id, { apiKey: otherKey });
		await prisma.destination.update({ where: { id }, data: { settings: { apiKey: posthogKey } } });
		await service.db.asService().destinations.pruneSettingsHistory({ keep: 0 });
		const changed = (await destinations.history(id)).items.map((item) => item.changedSettings);
		expect(changed).toEqual([null, ['apiKey'], []]);
	});

	test('leaves out connection tests, and goes on after a deletion', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create({
			...posthog(organizationId),
			type: 'console',
			settings: {},
		});
		await destinations.testConnection(id);
		await destinations.softDelete(id);
		expect((await destinations.history(id)).items.map(({ action }) => action)).toEqual([
			'soft_deleted',
			'created',
		]);
	});

	test('comes in pages that writes meanwhile do not shift', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		for (let change = 2; change <= 10; change += 1) {
			await destinations.update(id, { name: `name ${change}` });
		}
		const seen: number[] = [];
		let cursor: string | undefined;
		for (let pages = 0; pages < 10; pages += 1) {
			const page = await destinations.history(id, { cursor, limit: 4 });
			seen.push(...page.items.map(({ version }) => version));
			if (page.nextCursor === null) break;
			cursor = page.nextCursor;
			await destinations.update(id, { name: `meanwhile ${pages}` });
		}
		expect(seen).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
	});

	test.each([0, 1001, 1.5, Number.NaN])('refuses the limit %p', async (limit) => {
		const { destinations } = await service.actingTenant();
		await expect(destinations.history(randomUUID(), { limit })).rejects.toMatchObject({
			code: 'VALIDATION',
		});
	});

	test.each(['', 'x', '-1', '9223372036854775808'])('refuses the cursor %p', async (cursor) => {
		const { destinations } = await service.actingTenant();
		await expect(destinations.history(randomUUID(), { cursor })).rejects.toMatchObject({
			code: 'VALIDATION',
		});
	});

	test('of another organization’s destination is that of none', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		const other = await service.actingTenant();
		for (const unreachable of [id, randomUUID()]) {
			await expect(other.destinations.history(unreachable)).rejects.toMatchObject({
				code: 'NOT_FOUND',
			});
			await expect(other.destinations.revert(unreachable, 1)).rejects.toMatchObject({
				code: 'NOT_FOUND',
			});
		}
	});

	test('outlives the user who acted', async () => {
		const { destinations, organizationId, actorId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		await service.admin.query('DELETE FROM users WHERE id = $1', [actorId]);
		expect((await destinations.history(id)).items).toMatchObject([{ version: 1, actorId }]);
		expect(await destinations.findById(id)).toMatchObject({ createdBy: null, version: 1 });
	});
});

describe('revert', () => {
	test('brings back fields and settings as a new version', async () => {
		const { destinations, organizationId, actorId } = await service.actingTenant();
		const made = await destinations.create(metaPixel(organizationId));
		await destinations.update(made.id, { name: 'b', environment: 'staging', description: 'x' });
		await destinations.patchSettings(made.id, { accessToken: `EAAB${'other'.repeat(8)}` });
		await destinations.update(made.id, { name: 'c', requiredConsent: [] });
		const reverted = await destinations.revert(made.id, 1);
		expect(reverted).toMatchObject({
			name: 'Shop',
			environment: 'production',
			description: null,
			settings: { accessToken: metaToken },
			requiredConsent: ['marketing'],
			version: 5,
		});
		const [latest] = (await destinations.history(made.id)).items;
		expect(latest).toMatchObject({ version: 5, actorId, changedSettings: ['accessToken'] });

		const between = await destinations.revert(made.id, 3);
		expect(between).toMatchObject({ name: 'b', environment: 'staging', version: 6 });
		expect(between.settings).toMatchObject({ accessToken: `EAAB${'other'.repeat(8)}` });
	});

	test('to a version with the same settings leaves them sealed as they are', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.update(id, { name: 'b' });
		const sealed = async () =>
			(await service.admin.query('SELECT settings FROM destinations WHERE id = $1', [id])).rows;
		const before = await sealed();
		await destinations.revert(id, 1);
		expect(await sealed()).toEqual(before);
	});

	test('to the version that it has changes nothing', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		expect(await destinations.revert(id, 1)).toMatchObject({ version: 1 });
	});

	test.each([2, 99])('to version %p that never was is refused', async (version) => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		await expect(destinations.revert(id, version)).rejects.toMatchObject({ code: 'NOT_FOUND' });
	});

	test.each([0, -1, 1.5, '1'])('to %p is refused', async (version) => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		await expect(destinations.revert(id, version as number)).rejects.toMatchObject({
			code: 'VALIDATION',
		});
	});

	test('to settings that are kept no longer is refused, and says so', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.patchSettings(id, { apiKey: otherKey });
		await service.db
			.asService()
			.destinations.pruneSettingsHistory({ olderThan: new Date(2100, 1) });
		await expect(destinations.revert(id, 1)).rejects.toMatchObject({
			code: 'NOT_FOUND',
			message: expect.stringContaining('no longer kept'),
		});
	});

	test('works in a transaction, and goes with it', async () => {
		const { destinations, transaction, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.patchSettings(id, { apiKey: otherKey });
		await expect(
			transaction(async (tx) => {
				const reverted = await tx.destinations.revert(id, 1);
				expect(reverted.settings).toMatchObject({ apiKey: posthogKey });
				throw new Error('enough');
			}),
		).rejects.toThrow('enough');
		expect((await destinations.findById(id))?.settings).toMatchObject({ apiKey: otherKey });
	});
});

describe('expectedVersion', () => {
	test('lets a change through at that version, and tells the current one at another', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.update(id, { name: 'b' }, { expectedVersion: 1 });
		const attempts = [
			() => destinations.update(id, { name: 'c' }, { expectedVersion: 1 }),
			() => destinations.update(id, { settings: { apiKey: otherKey } }, { expectedVersion: 3 }),
			() => destinations.patchSettings(id, { apiKey: otherKey }, { expectedVersion: 1 }),
			() => destinations.revert(id, 1, { expectedVersion: 1 }),
		];
		for (const attempt of attempts) {
			const error = await attempt().catch((reason: unknown) => reason);
			expect(error).toBeInstanceOf(ConflictError);
			expect(error).toMatchObject({ code: 'CONFLICT', currentVersion: 2 });
			expect(JSON.parse(JSON.stringify(error))).toMatchObject({ currentVersion: 2 });
		}
		expect(await destinations.findById(id)).toMatchObject({ name: 'b', version: 2 });
	});

	test('lets one of many writers at once through', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		const outcomes = await Promise.allSettled(
			Array.from({ length: 8 }, (_, writer) =>
				destinations.update(id, { name: `writer ${writer}` }, { expectedVersion: 1 }),
			),
		);
		expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
	});

	test('is not met by a connection test, which makes no version', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create({
			...posthog(organizationId),
			type: 'console',
			settings: {},
		});
		await destinations.testConnection(id);
		await destinations.update(id, { name: 'b' }, { expectedVersion: 1 });
	});

	test('of a destination that is gone is NOT_FOUND', async () => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		await destinations.softDelete(id);
		await expect(
			destinations.update(id, { name: 'b' }, { expectedVersion: 1 }),
		).rejects.toMatchObject({ code: 'NOT_FOUND' });
	});

	test.each([0, 1.5, '1'])('%p is refused', async (expectedVersion) => {
		const { destinations, organizationId } = await service.actingTenant();
		const { id } = await destinations.create(posthog(organizationId));
		const options = { expectedVersion: expectedVersion as number };
		await expect(destinations.update(id, { name: 'b' }, options)).rejects.toMatchObject({
			code: 'VALIDATION',
		});
	});
});

test('settings that do not open can still be replaced', async () => {
	const { destinations, organizationId } = await service.actingTenant();
	const made = await destinations.create(posthog(organizationId));
	await service.admin.query(
		`UPDATE destinations SET settings = jsonb_set(settings, '{kid}', '"gone"') WHERE id = $1`,
		[made.id],
	);
	const after = await destinations.update(made.id, { settings: { apiKey: otherKey } });
	expect(after.settings).toMatchObject({ apiKey: otherKey });
	expect(redact(after).name).toBe('EU project');
	expect((await destinations.history(made.id)).items[0]?.changedSettings).toBeNull();
});
