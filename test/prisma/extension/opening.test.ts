import { randomUUID } from 'node:crypto';
import { settingsError } from '../../../src/destinations/unopened.ts';
import { SettingsEncryption } from '../../../src/encryption/settings-encryption.ts';
import { copyArguments } from '../../../src/prisma/extension/copy-arguments.ts';
import { type OpenOptions, openResult } from '../../../src/prisma/extension/open-result.ts';
import { countingProvider, newKeys } from '../../support/encryption.ts';
import { type ModelName, planOperation } from '../../support/own-models.ts';

// What becomes of rows that Prisma returned. Other tests hold which rows those are.

const keys = newKeys();
const encryption = new SettingsEncryption(keys);
const plaintext = new SettingsEncryption(keys, 'allow-read');
const settings = {
	apiKey: 'phc_x',
	host: 'https://us.i.posthog.com',
	enableServerSide: true,
	enableClientSide: false,
};

type Row = Record<string, unknown> & { settings: unknown };

/** A row of `destinations` as it is stored. */
async function stored(sealedBy = encryption): Promise<Row> {
	const [id, organizationId, type] = [randomUUID(), randomUUID(), 'posthog'];
	const context = { organizationId, destinationId: id, type };
	const sealed = await sealedBy.encrypt(settings, context);
	return { id, organizationId, type, name: 'x', settings: sealed, settingsEncrypted: true };
}

async function opened<R>(
	[model, args]: readonly [ModelName, object],
	result: R,
	options: OpenOptions = {},
	by = encryption,
): Promise<R> {
	const { result: plan } = planOperation(model, 'findFirst', copyArguments(args));
	if (plan === undefined) throw new Error('there is nothing to open');
	await openResult(by, plan, result, options);
	return result;
}

const whole = ['Destination', {}] as const;
const selecting = (select: object) => ['Destination', { select }] as const;

describe('rows that open', () => {
	it('are opened one by one and in lists, at hand or after the provider was asked', async () => {
		const cold = new SettingsEncryption(countingProvider({ cacheSeconds: 0 }).provider);
		for (const by of [encryption, new SettingsEncryption(keys), cold]) {
			const sealedBy = by === cold ? cold : encryption;
			const [one, two] = [await stored(sealedBy), await stored(sealedBy)];
			expect(await opened(whole, { ...one }, { mustOpen: true }, by)).toEqual({ ...one, settings });
			const expected = [
				{ ...one, settings },
				{ ...two, settings },
			];
			expect(await opened(whole, [{ ...one }, two], { manyRows: true }, by)).toEqual(expected);
		}
		for (const nothing of [null, undefined, 1]) {
			expect(await opened(whole, nothing, { mustOpen: true })).toBe(nothing);
		}
	});

	it('are opened below other rows, however deep', async () => {
		const [top, below, deep] = [await stored(), await stored(), await stored()];
		const createdDestinations = [{ ...deep }];
		const destinations = [{ ...below, createdByUser: { createdDestinations } }, null];
		const row = { ...top, organization: { id: 'o', destinations }, createdByUser: null };
		const nested = { include: { createdByUser: { include: { createdDestinations: true } } } };
		const include = { organization: { include: { destinations: nested } }, createdByUser: true };
		await opened(['Destination', { include }], row);
		expect(row).toMatchObject({ settings, organization: { destinations: [{ settings }, null] } });
		expect(createdDestinations).toEqual([{ ...deep, settings }]);
		const without = await stored();
		expect(await opened(['Destination', { include }], { ...without })).toMatchObject({ settings });
	});

	it('are left without settings where none were read', async () => {
		const { settings: _, ...row } = await stored();
		expect(await opened(whole, { ...row }, { mustOpen: true })).toEqual(row);
	});

	it('may be in plaintext where that is allowed', async () => {
		const row = { ...(await stored()), settings, settingsEncrypted: false };
		expect(await opened(whole, { ...row }, { mustOpen: true }, plaintext)).toEqual(row);
		await expect(opened(whole, row, { mustOpen: true })).rejects.toMatchObject({
			code: 'DECRYPTION_FAILED',
		});
	});

	it('lose what was added to open them, and hide it where another extension computes fields', async () => {
		const row = await stored();
		const { name } = row;
		const alone = await opened(selecting({ settings: true, name: true }), { ...row });
		expect(Object.getOwnPropertyNames(alone).sort()).toEqual(['name', 'settings']);
		const computed = await opened(selecting({ host: true, name: true }), { ...row });
		expect({ ...computed }).toEqual({ name, settings });
		expect(computed).toMatchObject({ id: row.id, type: 'posthog' });
		const { settings: _, ...others } = row;
		const { id: __, ...withoutId } = others;
		const none = await opened(selecting({ host: true }), { ...withoutId });
		expect('id' in none).toBe(false);
	});
});

describe('rows that do not open', () => {
	const stranger = new SettingsEncryption(newKeys());
	const cold = new SettingsEncryption({
		...countingProvider().provider,
		primaryKeyId: () => '2026-11',
	});

	it('fail the call where it must open its one row, and are marked everywhere else', async () => {
		for (const by of [stranger, cold]) {
			const row = await stored();
			const error = { code: 'DECRYPTION_FAILED', destinationId: row.id };
			const must = opened(whole, { ...row }, { mustOpen: true }, by);
			await expect(must).rejects.toMatchObject(error);
			const include = { organization: { include: { destinations: true } } };
			const nested = ['Organization', { include: { destinations: { include } } }] as const;
			const found = [
				await opened(whole, { ...row }, {}, by),
				...(await opened(whole, [{ ...row }], { manyRows: true, mustOpen: true }, by)),
				...(await opened(nested, { destinations: [{ ...row }] }, { mustOpen: true }, by))
					.destinations,
			];
			expect(found).toHaveLength(3);
			for (const marked of found) {
				expect(settingsError(marked)).toMatchObject(error);
				expect(marked).toMatchObject({ id: row.id, name: 'x' });
			}
		}
	});

	it('throw when their settings are read, or used where Prisma reads what was selected', async () => {
		const isMarkedUntilUse = async (args: object, options: OpenOptions) => {
			const row = await opened(['Destination', args], await stored(), options, stranger);
			expect(settingsError(row)).toMatchObject({ code: 'DECRYPTION_FAILED' });
			try {
				return typeof row.settings === 'object';
			} catch {
				return false;
			}
		};
		const select = { settings: true };
		expect(await isMarkedUntilUse({ select }, { prismaReads: true })).toBe(true);
		expect(await isMarkedUntilUse({ select }, {})).toBe(false);
		expect(await isMarkedUntilUse({ select }, { prismaReads: false })).toBe(false);
		expect(await isMarkedUntilUse({}, { prismaReads: true })).toBe(false);
	});

	it.each(['id', 'organizationId', 'type', 'settingsEncrypted'])(
		'because %s is missing say so',
		async (name) => {
			for (const wrong of [undefined, null, 1]) {
				const row = { ...(await stored()), [name]: wrong };
				const refused = { code: 'UNSUPPORTED', message: expect.stringMatching(/^Settings .*omit/) };
				const must = opened(whole, { ...row }, { mustOpen: true });
				await expect(must).rejects.toMatchObject(refused);
				expect(settingsError(await opened(whole, row))).toMatchObject(refused);
			}
		},
	);

	it('for a reason of their own let it through', async () => {
		const row = Object.defineProperty(await stored(), 'id', {
			get() {
				throw new TypeError('not a row');
			},
		});
		await expect(opened(whole, row)).rejects.toThrow(TypeError);
	});
});

describe('what a fluent call returns', () => {
	it('is opened by what is inside of the relation', async () => {
		const row = await stored();
		const ofOrganization = ['Organization', { select: { destinations: true } }] as const;
		expect(await opened(ofOrganization, [{ ...row }])).toEqual([{ ...row, settings }]);
		const select = { organization: { select: { destinations: true } } };
		expect(await opened(selecting(select), [{ ...row }])).toEqual([{ ...row, settings }]);
		const list = [{ ...row, organization: { destinations: [{ ...row }] } }];
		const within = {
			select: { settings: true, organization: { include: { destinations: true } } },
		};
		await opened(['Organization', { select: { destinations: within } }], list);
		expect(list[0]).toMatchObject({ settings, organization: { destinations: [{ settings }] } });
		// The plan of the rows of a list may have one relation itself.
		const one = { select: { organization: { select: { destinations: true } } } };
		const rows = [{ organization: { destinations: [{ ...row }] } }];
		await opened(['Organization', { select: { destinations: one } }], rows);
		expect(rows[0]?.organization.destinations).toEqual([{ ...row, settings }]);
		expect(await opened(ofOrganization, null)).toBeNull();
	});

	it('is a row with the relation where it was selected by hand', async () => {
		const row = await stored();
		const ofOrganization = ['Organization', { select: { destinations: true } }] as const;
		const result = await opened(ofOrganization, { destinations: [{ ...row }] });
		expect(result).toEqual({ destinations: [{ ...row, settings }] });
		const include = { destinations: true };
		const through = selecting({ organization: { include } });
		expect(await opened(through, { destinations: [{ ...row }] })).toEqual(result);
	});

	it('is refused where nothing says how to open it', async () => {
		await expect(opened(whole, [await stored()])).rejects.toMatchObject({
			code: 'UNSUPPORTED',
			message: expect.stringMatching(/findMany[.]$/),
		});
	});
});
