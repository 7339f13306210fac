/** Keys from a key management service, whose data keys are in the database of their organization. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import {
	EnvelopeKeyProvider,
	type KeyProvider,
	rotateKeys,
	verifySettings,
} from '../../src/index.ts';
import { Sharded } from './sharded.ts';

const masterKey = randomBytes(32);
const kms = {
	wrap: async (plaintext: Uint8Array, { organizationId }: { organizationId: string }) => {
		const nonce = randomBytes(12);
		const cipher = createCipheriv('aes-256-gcm', masterKey, nonce);
		cipher.setAAD(Buffer.from(organizationId));
		return Buffer.concat([nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
	},
	unwrap: async (wrapped: Uint8Array, { organizationId }: { organizationId: string }) => {
		const decipher = createDecipheriv('aes-256-gcm', masterKey, wrapped.subarray(0, 12));
		decipher.setAAD(Buffer.from(organizationId));
		decipher.setAuthTag(wrapped.subarray(-16));
		return Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()]);
	},
	cacheSeconds: 300,
};

test('a provider for each database is one provider for all of them', async () => {
	await using sharded = await Sharded.open();
	const providers = new Map(
		sharded.shards.map(({ url, option }) => [url, new EnvelopeKeyProvider({ ...option, ...kms })]),
	);
	// As docs/guides/shards.md has it.
	const providerOf = (organizationId: string) => {
		const provider = providers.get(sharded.route(organizationId));
		if (provider === undefined) throw new Error('This organization is on no database.');
		return provider;
	};
	const keys: KeyProvider = {
		cacheSeconds: 0,
		primaryKeyId: (organizationId) => providerOf(organizationId).primaryKeyId(organizationId),
		getKey: (keyId, organizationId) => providerOf(organizationId).getKey(keyId, organizationId),
	};
	try {
		const db = sharded.open({ keys });
		const organizations = await Promise.all(
			[0, 1, 2].map((place) => sharded.newOrganization(place)),
		);
		for (const organizationId of organizations) {
			const { destinations } = db.forOrganization(organizationId);
			const settings = { apiKey: `phc_${organizationId}` };
			await destinations.create({ organizationId, type: 'posthog', name: 'Shop', settings });
		}
		const settingsOfAll = async () => {
			const { items } = await db.asService().destinations.list();
			return items.map(({ organizationId, settings }) => [organizationId, settings]);
		};
		const stored = expect.arrayContaining(
			organizations.map((id) => [id, expect.objectContaining({ apiKey: `phc_${id}` })]),
		);
		expect(await settingsOfAll()).toEqual(stored);

		const [first = '', second = ''] = organizations;
		await providerOf(second).renew(second);
		const shards = sharded.shards.map(({ option }) => option);
		expect(await rotateKeys({ keys, shards })).toMatchObject({ rotated: 1, failed: 0 });
		expect(await verifySettings({ keys, shards })).toMatchObject({ failed: 0 });
		expect(await settingsOfAll()).toEqual(stored);

		expect(await providerOf(first).shred(first)).toBe(1);
		const { destinations } = db.forOrganization(first);
		const { items } = await destinations.list({ unopened: 'mark' });
		expect(items).toEqual([expect.objectContaining({ settings: null })]);
		// Those of the others are in other databases.
		const { items: left } = await db.forOrganization(second).destinations.list();
		expect(left).toEqual([expect.objectContaining({ settings: expect.anything() })]);
	} finally {
		await Promise.all([...providers.values()].map((provider) => provider.close()));
	}
});
