import { randomBytes, randomUUID } from 'node:crypto';
import type { TenantKeys } from '../../src/keys/tenant-keys.ts';
import { Run } from '../../src/rotation/run.ts';
import { countingProvider, newContext } from '../support/encryption.ts';
import { encryptedTable, rowOf } from './rows.ts';

const keys = `one:${randomBytes(32).toString('hex')}`;
const destinations = encryptedTable('destinations');

describe('options of a run', () => {
	const variable = process.env.DESTINATIONS_ENCRYPTION_KEYS;
	afterEach(() => {
		if (variable === undefined) delete process.env.DESTINATIONS_ENCRYPTION_KEYS;
		else process.env.DESTINATIONS_ENCRYPTION_KEYS = variable;
	});

	it('have keys from the environment, unless some are given', () => {
		process.env.DESTINATIONS_ENCRYPTION_KEYS = `other:${randomBytes(32).toString('hex')}`;
		expect(new Run({}).provider.primaryKeyId('')).toBe('other');
		expect(new Run({ keys }).provider.primaryKeyId('')).toBe('one');
	});

	it('have pages of 250 rows, or of 1 to 10,000', () => {
		expect(new Run({ keys }).batchSize).toBe(250);
		for (const batchSize of [1, 10_000])
			expect(new Run({ keys, batchSize }).batchSize).toBe(batchSize);
	});

	it.each([0, -1, 10_001, 1.5, Number.NaN, Number.POSITIVE_INFINITY])(
		'have no pages of %p rows',
		(batchSize) => {
			expect(() => new Run({ keys, batchSize })).toThrow(
				expect.objectContaining({
					code: 'VALIDATION',
					issues: [
						expect.objectContaining({
							path: ['batchSize'],
							message: 'must be a whole number from 1 to 10000',
						}),
					],
				}),
			);
		},
	);

	it('name the organization as Postgres writes it', () => {
		const organizationId = randomUUID();
		expect(new Run({ keys }).organizationId).toBeUndefined();
		const run = new Run({ keys, organizationId: organizationId.toUpperCase() });
		expect(run.organizationId).toBe(organizationId);
		expect(() => new Run({ keys, organizationId: 'acme' })).toThrow(
			expect.objectContaining({
				code: 'VALIDATION',
				issues: [expect.objectContaining({ path: ['organizationId'], message: 'must be a UUID' })],
			}),
		);
	});
});

describe('derived keys', () => {
	const organizations = Array.from({ length: 501 }, () => randomUUID());
	const [first = ''] = organizations;

	async function derive(tenantKeys: TenantKeys): Promise<void> {
		for (const organization of organizations) await tenantKeys.load('one', organization);
	}

	it('of a key ring are few, however many organizations there are', async () => {
		const tenantKeys = new Run({ keys }).tenantKeys();
		await derive(tenantKeys);
		expect(tenantKeys.cached('one', first)).toBeUndefined();
		expect(tenantKeys.cached('one', organizations[1] ?? '')).toBeDefined();
	});

	it('of a provider that has to be asked are kept', async () => {
		const { provider, asked } = countingProvider();
		const tenantKeys = new Run({ keys: provider }).tenantKeys();
		await derive(tenantKeys);
		await tenantKeys.load('one', first);
		expect(asked).toHaveLength(organizations.length);
	});
});

it('has stopped once its signal says so', () => {
	const stop = new AbortController();
	expect(new Run({ keys }).stopped).toBe(false);
	const run = new Run({ keys, signal: stop.signal });
	expect(run.stopped).toBe(false);
	stop.abort();
	expect(run.stopped).toBe(true);
});

it('counts every failure, reports each as it comes, and lists the first 1,000', () => {
	let heard = 0;
	const run = new Run({
		keys,
		onFailure: () => {
			heard += 1;
		},
	});
	const { provider } = run;
	const error = unknownKeyOf(() => provider.getKey('two', ''));
	for (let count = 0; count < 1001; count += 1) {
		run.fail(destinations, rowOf(newContext(), {}), error);
	}
	expect([run.failed, heard, run.failures.length]).toEqual([1001, 1001, 1000]);
});

it('needs nobody who listens', () => {
	const run = new Run({ keys });
	run.progress();
	run.fail(
		destinations,
		rowOf(newContext(), {}),
		unknownKeyOf(() => run.provider.getKey('two', '')),
	);
	expect(run.failures).toMatchObject([{ code: 'UNKNOWN_KEY' }]);
});

/** The error of asking for a key. */
function unknownKeyOf(ask: () => unknown): unknown {
	try {
		return ask();
	} catch (error) {
		return error;
	}
}
