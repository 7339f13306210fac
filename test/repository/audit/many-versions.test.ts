import { posthog } from '../../support/destinations.ts';
import { type Service, startService } from '../../support/service.ts';

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

/** What a version is made of. */
const stateOf = (destination: Record<string, unknown>) => {
	const { name, description, environment, enabled, testMode, requiredConsent, settings } =
		destination;
	return { name, description, environment, enabled, testMode, requiredConsent, settings };
};

test('every version comes back as it was, whatever changed since and however often', async () => {
	const { destinations, organizationId } = await service.tenant();
	const made = await destinations.create(posthog(organizationId));
	const states = [stateOf({ ...made })];
	const key = (version: number) => `phc_${String(version).padStart(42, 'k')}`;
	while (states.length < 320) {
		const version = states.length + 1;
		// Each field at a pace of its own; the description and the environment once, in the first hundred.
		const changed = await destinations.update(made.id, {
			name: `version ${version}`,
			...(version % 7 === 0 ? { enabled: version % 2 === 0 } : {}),
			...(version % 31 === 0 ? { testMode: version % 2 === 1 } : {}),
			...(version % 90 === 0 ? { requiredConsent: [] } : {}),
			...(version % 90 === 45 ? { requiredConsent: ['marketing' as const] } : {}),
			...(version === 60 ? { description: 'since 60', environment: 'staging' as const } : {}),
			...([50, 150, 151, 299].includes(version) ? { settings: { apiKey: key(version) } } : {}),
		});
		expect(changed.version).toBe(version);
		states.push(stateOf({ ...changed }));
	}
	for (const version of [1, 49, 50, 59, 60, 99, 100, 101, 149, 150, 199, 200, 250, 299, 300, 319]) {
		const reverted = await destinations.revert(made.id, version);
		expect([version, stateOf({ ...reverted })]).toEqual([version, states[version - 1]]);
	}
	await service.db.asService().destinations.pruneSettingsHistory({ keep: 1 });
	await expect(destinations.revert(made.id, 49)).rejects.toMatchObject({ code: 'NOT_FOUND' });
	const { items } = await destinations.history(made.id, { limit: 1000 });
	const versions = items.map(({ version }) => version);
	expect(versions).toEqual(versions.map((_, index) => versions.length - index));
});

test('a gap in the log is refused, and not filled with what is there now', async () => {
	const { destinations, organizationId } = await service.tenant();
	const { id } = await destinations.create(posthog(organizationId));
	await service.admin.query(
		'ALTER TABLE destinations DISABLE TRIGGER trigger_log_changed_destinations',
	);
	for (let version = 2; version <= 110; version += 1) {
		await service.admin.query(`UPDATE destinations SET name = 'x' || version WHERE id = $1`, [id]);
	}
	await service.admin.query(
		'ALTER TABLE destinations ENABLE TRIGGER trigger_log_changed_destinations',
	);
	await expect(destinations.revert(id, 1)).rejects.toMatchObject({
		code: 'NOT_FOUND',
		message: expect.stringContaining('gap'),
	});
});

test('one that was purged and made again with its id goes back in its own life only', async () => {
	const { destinations, prisma, organizationId } = await service.tenant();
	const { id } = await destinations.create(posthog(organizationId));
	for (const name of ['old 2', 'old 3', 'old 4']) await destinations.update(id, { name });
	await destinations.softDelete(id);
	await service.db.asService().destinations.purge(id);
	await prisma.destination.create({
		data: { id, ...posthog(organizationId), requiredConsent: [] },
	});
	await destinations.update(id, { name: 'new 2' });
	await destinations.update(id, { name: 'new 3' });
	expect(await destinations.revert(id, 2)).toMatchObject({ name: 'new 2', requiredConsent: [] });
	await expect(destinations.revert(id, 5)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
