import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import type { KeyProvider } from '../../src/keys/key-provider.ts';
import { TenantKeys } from '../../src/keys/tenant-keys.ts';
import type { SealedSettingsOptions } from '../../src/rotation/options.ts';
import { resealPage } from '../../src/rotation/reseal-page.ts';
import { Run } from '../../src/rotation/run.ts';
import type { SealedRow } from '../../src/rotation/statements.ts';
import { codeOf, countingProvider, newContext } from '../support/encryption.ts';
import { encryptedTable, plaintextRow, sealedRow } from './rows.ts';

const clear = { apiKey: 'phc_example', limit: 1.1 };
const store = encryptedTable('destinations');

/** A run through pages, with a provider that is not a key ring. */
function runOf(provider: KeyProvider, options: Partial<SealedSettingsOptions> = {}) {
	const run = new Run({ ...options, keys: provider });
	const keys = new TenantKeys(provider);
	return { run, reseal: (rows: readonly SealedRow[]) => resealPage(run, keys, store, rows) };
}

/** A provider that named another key as primary when rows were sealed, and both of its states. */
function rotated(changes: Partial<KeyProvider> = {}) {
	const { provider } = countingProvider();
	const before: KeyProvider = { ...provider, primaryKeyId: () => 'old' };
	return { before, after: { ...provider, ...changes } };
}

it('replaces what another key sealed by what the primary key of the organization seals', async () => {
	const { before, after } = rotated();
	const context = newContext();
	const row = await sealedRow(before, context, clear);

	const replacements = await runOf(after).reseal([row]);

	expect(replacements).toEqual([
		{ rowId: row.row_id, old: ciphertextOf(row), sealed: expect.any(String) },
	]);
	const sealed = JSON.parse(replacements[0]?.sealed ?? '');
	expect(sealed.kid).toBe('one');
	expect(await new SettingsEncryption(after).decrypt(sealed, context)).toEqual(clear);
});

it('leaves a row alone that the primary key of its organization has sealed', async () => {
	const { provider } = countingProvider();
	const done = await sealedRow(provider, newContext(), clear);
	const toDo = await sealedRow({ ...provider, primaryKeyId: () => 'old' }, newContext(), clear);
	const { run, reseal } = runOf(provider);
	expect((await reseal([done, toDo])).map(({ rowId }) => rowId)).toEqual([toDo.row_id]);
	expect(run.failed).toBe(0);
});

it('seals settings that are not encrypted, as they are stored', async () => {
	const { provider } = countingProvider();
	const context = newContext();
	const plaintext = '{"apiKey": "phc_example", "limit": 1.10}';
	const [replacement] = await runOf(provider).reseal([plaintextRow(context, plaintext)]);
	expect(replacement?.old).toBe(plaintext);
	const sealed = JSON.parse(replacement?.sealed ?? '');
	expect(await new SettingsEncryption(provider).decrypt(sealed, context)).toEqual(clear);
});

it('reports a row that does not open, and goes on with the next', async () => {
	const { before, after } = rotated();
	const [broken, sound] = await Promise.all([
		sealedRow(before, newContext(), clear),
		sealedRow(before, newContext(), clear),
	]);
	const moved = { ...broken, type: 'mixpanel' };
	const heard: unknown[] = [];
	const { run, reseal } = runOf(after, { onFailure: (failure) => heard.push(failure) });

	expect((await reseal([moved, sound])).map(({ rowId }) => rowId)).toEqual([sound.row_id]);

	const failure = {
		table: 'destinations',
		destinationId: broken.destination_id,
		organizationId: broken.organization_id,
		code: 'DECRYPTION_FAILED',
	};
	expect([run.failed, run.failures, heard]).toEqual([1, [failure], [failure]]);
});

it('ends at what is not the fault of a row', async () => {
	const { provider } = countingProvider();
	const { run, reseal } = runOf(provider);
	await expect(reseal([plaintextRow(newContext(), 'not JSON')])).rejects.toThrow(SyntaxError);
	expect(run.failed).toBe(0);
});

describe('a provider that is away', () => {
	/** A provider, the organizations whose keys it does not return, and pages of two rows each. */
	async function page() {
		const away = new Set<string>();
		const { provider, asked } = countingProvider({ cacheSeconds: 0, primaryKeyId: () => 'old' });
		const [down, up] = [newContext(), newContext()];
		const rows = {
			down: await sealedRow(provider, down, clear),
			up: await sealedRow(provider, up, clear),
		};
		away.add(down.organizationId);
		const disabled: KeyProvider = {
			...provider,
			primaryKeyId: () => 'one',
			getKey(keyId, organizationId) {
				if (away.has(organizationId)) throw new Error('away');
				return provider.getKey(keyId, organizationId);
			},
		};
		return { ...runOf(disabled, { batchSize: 2 }), ...rows, asked };
	}

	const ended = {
		code: 'KEY_UNAVAILABLE',
		message:
			'The key provider returned none of the keys of a whole page, so the run ended. What was done stays; run it again when the provider answers.',
	};

	it('for a whole page ends the run', async () => {
		const { reseal, down, up } = await page();
		await expect(reseal([down, down])).rejects.toMatchObject(ended);
		// However much was had before.
		expect(await reseal([up, up])).toHaveLength(2);
		await expect(reseal([down, down])).rejects.toMatchObject(ended);
	});

	it('for one organization of a page does not', async () => {
		const { run, reseal, down, up } = await page();
		expect(await reseal([down, up])).toHaveLength(1);
		expect(run.failures.map(({ code }) => code)).toEqual(['KEY_UNAVAILABLE']);
	});

	it('for a last, short page ends the run only where no key was had before', async () => {
		const { run, reseal, down, up } = await page();
		await expect(reseal([down])).rejects.toMatchObject(ended);
		expect(await reseal([up, up])).toHaveLength(2);
		expect(await reseal([down])).toEqual([]);
		expect(run.failed).toBe(2);
	});

	it('is not asked for a page without rows', async () => {
		const { reseal, asked } = await page();
		asked.length = 0;
		expect(await reseal([])).toEqual([]);
		expect(asked).toEqual([]);
	});

	it('is not what a row is that does not open for another reason', async () => {
		const { run, reseal, up } = await page();
		const moved = { ...up, type: 'mixpanel' };
		expect(await codeOf(reseal([moved, moved]))).toBeUndefined();
		expect(run.failures.map(({ code }) => code)).toEqual([
			'DECRYPTION_FAILED',
			'DECRYPTION_FAILED',
		]);
	});
});

/** The ciphertext of a row's envelope. */
function ciphertextOf({ settings }: SealedRow): string {
	return JSON.parse(JSON.stringify(settings)).ct;
}
