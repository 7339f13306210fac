import { randomUUID } from 'node:crypto';
import type { SettingsContext } from '../../src/encryption/envelope.ts';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import type { KeyProvider } from '../../src/keys/key-provider.ts';
import { TenantKeys } from '../../src/keys/tenant-keys.ts';
import { keyIdOf, PageKeys } from '../../src/rotation/page-keys.ts';
import { codeOf, countingProvider, newContext } from '../support/encryption.ts';
import { rowOf, sealedRow } from './rows.ts';

const clear = { apiKey: 'phc_example' };

test.each<[unknown, string | undefined]>([
	[{ kid: 'one' }, 'one'],
	[{ kid: '' }, ''],
	[{ kid: 1 }, undefined],
	[{ kid: null }, undefined],
	[{ kid: { one: 1 } }, undefined],
	[{}, undefined],
	[[], undefined],
	['one', undefined],
	[1, undefined],
	[true, undefined],
	[null, undefined],
	[undefined, undefined],
])('the key id of settings that are %j is %j', (settings, keyId) => {
	expect(keyIdOf(rowOf(newContext(), settings))).toBe(keyId);
});

describe('keys of a page', () => {
	/** Two rows of one organization, and one of another, sealed with a key that is no longer primary. */
	async function page(provider: KeyProvider) {
		const old: KeyProvider = { ...provider, primaryKeyId: () => 'old' };
		const one = newContext();
		const contexts = [one, { ...one, destinationId: randomUUID() }, newContext()];
		const rows = await Promise.all(contexts.map((context) => sealedRow(old, context, clear)));
		return { contexts, rows };
	}

	const organizations = (contexts: readonly SettingsContext[]) =>
		new Set(contexts.map(({ organizationId }) => organizationId));

	it('are asked for once, to open alone those that the rows name', async () => {
		const { provider, asked, chosen } = countingProvider({ cacheSeconds: 0 });
		const { contexts, rows } = await page(provider);
		asked.length = 0;

		const keys = await PageKeys.load(new TenantKeys(provider), rows, false);

		expect(rows.map((row) => JSON.parse(keys.open(row)))).toEqual([clear, clear, clear]);
		expect(asked.sort()).toEqual([...organizations(contexts)].map((id) => `old/${id}`).sort());
		expect(chosen).toEqual([]);
	});

	it('are those that seal, too, where the page is to be sealed', async () => {
		const { provider, asked, chosen } = countingProvider({ cacheSeconds: 0 });
		const { contexts, rows } = await page(provider);
		asked.length = 0;

		const keys = await PageKeys.load(new TenantKeys(provider), rows, true);

		expect(rows.map((row) => keys.primary(row).keyId)).toEqual(['one', 'one', 'one']);
		const ids = [...organizations(contexts)];
		expect(asked.sort()).toEqual(ids.flatMap((id) => [`old/${id}`, `one/${id}`]).sort());
		expect(chosen.sort()).toEqual(ids.sort());
	});

	it('are asked for together', async () => {
		const { provider, asked } = countingProvider({ cacheSeconds: 0 });
		const { rows } = await page(provider);
		asked.length = 0;
		let answer = () => {};
		const answered = new Promise<void>((resolve) => {
			answer = resolve;
		});
		const slow: KeyProvider = {
			...provider,
			async getKey(keyId, organizationId) {
				const key = provider.getKey(keyId, organizationId);
				// Three keys are waited for: two that open, and the primary key of one of the organizations.
				if (asked.length === 4) answer();
				await answered;
				return key;
			},
		};
		const keys = await PageKeys.load(new TenantKeys(slow), rows, true);
		expect(rows.map((row) => JSON.parse(keys.open(row)))).toEqual([clear, clear, clear]);
	});

	it.each(['', '../secret', 'a b', '\u001b[2J', 'k'.repeat(65), 5, null, undefined])(
		'are not asked for under what is not valid as an id: %p',
		async (kid) => {
			const { provider, asked } = countingProvider();
			const context = newContext();
			const row = rowOf(context, { kid });
			const keys = await PageKeys.load(new TenantKeys(provider), [row], false);
			expect(asked).toEqual([]);
			expect(() => keys.open(row)).toThrow(
				expect.objectContaining({ code: 'DECRYPTION_FAILED', ...idsOf(context) }),
			);
		},
	);

	it('that cannot be had fail the rows that need them, and no others', async () => {
		const { provider } = countingProvider();
		const { contexts, rows } = await page(provider);
		const failing: KeyProvider = {
			...provider,
			getKey(keyId, organizationId) {
				if (organizationId !== contexts[0]?.organizationId) throw new Error('disabled');
				return provider.getKey(keyId, organizationId);
			},
			primaryKeyId(organizationId) {
				if (organizationId === contexts[0]?.organizationId) throw new Error('disabled');
				return 'old';
			},
		};
		const keys = await PageKeys.load(new TenantKeys(failing), rows, true);
		const codes = (use: 'open' | 'primary') =>
			Promise.all(rows.map((row) => codeOf(Promise.resolve(row).then((it) => keys[use](it)))));
		expect(await codes('open')).toEqual([undefined, undefined, 'KEY_UNAVAILABLE']);
		expect(await codes('primary')).toEqual([
			'KEY_UNAVAILABLE',
			'KEY_UNAVAILABLE',
			'KEY_UNAVAILABLE',
		]);
	});

	it('open no row of another page', async () => {
		const { provider } = countingProvider();
		const [row, other] = await Promise.all([
			sealedRow(provider, newContext(), clear),
			sealedRow(provider, newContext(), clear),
		]);
		const keys = await PageKeys.load(new TenantKeys(provider), [row], false);
		const refusal = expect.objectContaining({
			code: 'DECRYPTION_FAILED',
			message: 'The key of this row was not loaded.',
		});
		expect(() => keys.open(other)).toThrow(refusal);
		expect(() => keys.primary(row)).toThrow(refusal);
	});
});

function idsOf({ destinationId, organizationId }: SettingsContext) {
	return { destinationId, organizationId };
}

test('a row is bound to its organization, its destination and its type', async () => {
	const { provider } = countingProvider();
	const context = newContext();
	const row = await sealedRow(provider, context, clear);
	const encryption = new SettingsEncryption(provider);
	expect(await encryption.decrypt(row.settings, context)).toEqual(clear);
	for (const moved of [
		{ ...row, destination_id: randomUUID() },
		{ ...row, type: 'mixpanel' },
		{ ...row, organization_id: randomUUID() },
	]) {
		const keys = await PageKeys.load(new TenantKeys(provider), [moved], false);
		expect(() => keys.open(moved)).toThrow(expect.objectContaining({ code: 'DECRYPTION_FAILED' }));
	}
});
