import { setTimeout as delay } from 'node:timers/promises';
import { posthog, posthogKey } from '../support/destinations.ts';
import { KeyService } from '../support/key-service.ts';
import { type Service, startService } from '../support/service.ts';

const secret = 'kms-token-7c1f';

const troubles: [string, string, (keys: KeyService) => void][] = [
	['fails', 'KEY_UNAVAILABLE', (keys) => (keys.behave = () => Promise.reject(new Error(secret)))],
	['does not answer', 'KEY_UNAVAILABLE', (keys) => (keys.behave = () => new Promise(() => {}))],
	['is slow', 'KEY_UNAVAILABLE', (keys) => (keys.behave = () => delay(400))],
	[
		'throws at once',
		'KEY_UNAVAILABLE',
		(keys) =>
			(keys.behave = () => {
				throw new TypeError(secret);
			}),
	],
	['forgot the key', 'UNKNOWN_KEY', (keys) => keys.keys.clear()],
];

describe('a key provider in trouble', () => {
	let keys: KeyService;
	let service: Service;
	let organizationId: string;
	let id: string;

	beforeAll(async () => {
		keys = new KeyService();
		service = await startService({ keys });
		organizationId = await service.createOrganization();
		const { destinations } = service.db.forOrganization(organizationId);
		({ id } = await destinations.create(posthog(organizationId)));
	});
	afterAll(() => service.stop());
	afterEach(() => {
		keys.repair();
	});

	async function everything(): Promise<unknown[]> {
		const { rows } = await service.admin.query(
			'SELECT to_jsonb(d) AS row FROM destinations AS d UNION ALL SELECT to_jsonb(l) FROM destination_audit_log AS l ORDER BY row',
		);
		return rows;
	}

	test.each(troubles)('that %s: reads and writes fail with %s', async (_, code, trouble) => {
		const { destinations, prisma, transaction } = service.db.forOrganization(organizationId);
		const before = await everything();
		trouble(keys);
		const attempts = [
			() => destinations.findById(id),
			() => prisma.destination.findFirst(),
			() => destinations.create({ ...posthog(organizationId), environment: 'staging' }),
			() => destinations.update(id, { name: 'x', settings: { apiKey: posthogKey } }),
			() =>
				transaction(async (tx) => {
					await tx.prisma.destination.updateMany({ data: { enabled: false } });
					await tx.destinations.patchSettings(id, { apiKey: posthogKey });
				}),
		];
		for (const attempt of attempts) {
			const error = await attempt().then(
				() => undefined,
				(refusal: Error) => refusal,
			);
			expect(error).toMatchObject({ code });
			expect(JSON.stringify([error, error?.message, error?.cause, error?.stack])).not.toContain(
				secret,
			);
		}
		expect(await everything()).toEqual(before);
	});

	test.each(troubles)('that %s, and comes back: the next read works', async (_, __, trouble) => {
		const { destinations } = service.db.forOrganization(organizationId);
		trouble(keys);
		await expect(destinations.findById(id)).rejects.toThrow();
		keys.repair();

		expect((await destinations.findById(id))?.settings).toMatchObject({ apiKey: posthogKey });
		await destinations.update(id, { settings: { apiKey: posthogKey } });
	});
});
