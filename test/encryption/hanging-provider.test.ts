import { randomUUID } from 'node:crypto';
import type { ScopedClient } from '../../src/index.ts';
import { posthog, posthogKey } from '../support/destinations.ts';
import { KeyService } from '../support/key-service.ts';
import { type Service, startService } from '../support/service.ts';

// A provider that never answers is waited for once, however many rows are to be opened or sealed with one key.

const environments = ['production', 'staging', 'development'] as const;
const keys = new KeyService();
let service: Service;
let acme: ScopedClient;
let system: ScopedClient;
let organizationId: string;
let id: string;

beforeAll(async () => {
	service = await startService({ keys });
	system = service.db.asService();
	for (const _ of environments) {
		organizationId = await service.createOrganization();
		acme = service.db.forOrganization(organizationId);
		for (const environment of environments) {
			({ id } = await acme.destinations.create({ ...posthog(organizationId), environment }));
		}
	}
	// More than are opened at once. By Prisma, which tells the log nothing of what changed.
	for (let version = 0; version < 60; version += 1) {
		const settings = { apiKey: `${posthogKey}${version}` };
		await acme.prisma.destination.update({ where: { id }, data: { settings } });
	}
});
afterAll(() => service.stop());
beforeEach(() => {
	keys.calls = [];
	keys.behave = () => new Promise(() => {});
});
afterEach(() => keys.repair());

const newRow = (environment: string) => ({
	...{ organizationId, type: 'mixpanel', name: 'x', environment },
	settings: { projectToken: randomUUID().replaceAll('-', '') },
});

/** Calls of many rows, and of how many organizations. */
const calls: Record<string, [number, () => PromiseLike<unknown>]> = {
	findByOrganization: [1, () => acme.destinations.findByOrganization(organizationId)],
	findByType: [1, () => acme.destinations.findByType('posthog')],
	list: [1, () => acme.destinations.list()],
	'list, marked': [1, () => acme.destinations.list({ unopened: 'mark' })],
	history: [1, () => acme.destinations.history(id, { limit: 100 })],
	revert: [1, () => acme.destinations.revert(id, 1)],
	'list of the service': [3, () => system.destinations.list()],
	'findByType of the service': [3, () => system.destinations.findByType('posthog')],
	'prisma.findMany': [3, () => system.prisma.destination.findMany()],
	'prisma.findMany, in relations': [
		3,
		() => system.prisma.organization.findMany({ include: { destinations: true } }),
	],
	'prisma.createMany': [
		1,
		() => acme.prisma.destination.createMany({ data: environments.map(newRow) }),
	],
	'prisma.updateManyAndReturn': [
		1,
		() => acme.prisma.destination.updateManyAndReturn({ data: { enabled: true } }),
	],
};

test.each(Object.entries(calls))('%s', async (name, [organizations, run]) => {
	await Promise.resolve(run()).catch((error: unknown) => {
		expect(error).toMatchObject({ code: 'KEY_UNAVAILABLE' });
	});
	// Settings that are replaced are asked for before those that replace them.
	const questions = name === 'revert' ? 2 : organizations;
	expect(keys.calls.length).toBeGreaterThan(0);
	expect(keys.calls.length).toBeLessThanOrEqual(questions);
});
