import { inspect } from 'node:util';
import { createDestinationsLoader, isDatabaseUnavailable } from '../../src/index.ts';
import { codeOf } from '../support/encryption.ts';
import { Loading, newApiKey, unknownId, until } from './loading.ts';

let loading: Loading;

beforeAll(async () => {
	loading = await Loading.open();
});

afterAll(() => loading[Symbol.asyncDispose]());

test('what is enabled is returned, typed by its type, and nothing else of it', async () => {
	const loader = await loading.started();
	const apiKey = newApiKey();
	const made = await loading.newDestination({ apiKey });
	const { organizationId } = made;
	await loading.newDestination({ organizationId, environment: 'staging' });
	const found = await loader.findEnabled(organizationId, 'production');
	expect(found).toHaveLength(1);
	const [destination] = found;
	if (destination?.type !== 'posthog') throw new Error('of another type');
	expect({ ...destination }).toEqual({
		id: made.id,
		organizationId,
		type: 'posthog',
		environment: 'production',
		requiredConsent: ['measurement'],
		testMode: false,
		version: 1,
	});
	expect(destination.settings).toEqual(made.settings);
	expect(destination.settings.apiKey).toBe(apiKey);
	expect(await loader.findEnabled(organizationId, 'staging')).toHaveLength(1);
	expect(await loader.findEnabled(organizationId, 'development')).toEqual([]);
	expect(await loader.findEnabled(unknownId(), 'production')).toEqual([]);
});

test('a change is known an interval after its commit', async () => {
	const loader = await loading.started();
	const { id, organizationId } = await loading.newDestination();
	const { destinations } = loading.db.forOrganization(organizationId);
	expect(await loader.findEnabled(organizationId, 'production')).toHaveLength(1);
	await destinations.update(id, { enabled: false });
	await until(async () => (await loader.findEnabled(organizationId, 'production')).length === 0);
	await destinations.update(id, { enabled: true });
	await until(async () => (await loader.findEnabled(organizationId, 'production')).length === 1);
});

test('an answer from memory asks the database nothing, and is the same one', async () => {
	const loader = await loading.started();
	const { organizationId } = await loading.newDestination();
	expect(loader.peek(organizationId, 'production')).toBeUndefined();
	const first = await loader.findEnabled(organizationId, 'production');
	const { loads } = loader.metrics();
	expect(await loader.findEnabled(organizationId, 'production')).toBe(first);
	expect(loader.peek(organizationId, 'production')).toBe(first);
	expect(await loader.findEnabled(organizationId.toUpperCase(), 'production')).toBe(first);
	expect(loader.metrics()).toMatchObject({ loads, hits: 2 });
});

test('before start() and after close() there is no answer, and the error says why', async () => {
	const loader = loading.loader();
	const { organizationId } = await loading.newDestination();
	expect(loader.status).toBe('initializing');
	expect(loader.peek(organizationId, 'production')).toBeUndefined();
	await expect(loader.findEnabled(organizationId, 'production')).rejects.toThrow(/not started/);
	await expect(loader.resync()).rejects.toThrow(/not started/);
	await loader.start();
	await loader.findEnabled(organizationId, 'production');
	expect(loader.status).toBe('live');
	await loader.close();
	expect(loader.status).toBe('closed');
	expect(loader.peek(organizationId, 'production')).toBeUndefined();
	await expect(loader.findEnabled(organizationId, 'production')).rejects.toThrow(/was closed/);
	for (const work of [loader.start(), loader.resync()]) {
		expect(await codeOf(work)).toBe('UNSUPPORTED');
	}
	await loader.close();
});

test('what is not a UUID or not an environment is refused', async () => {
	const loader = await loading.started();
	const { organizationId } = await loading.newDestination();
	for (const id of ['', 'x', `${organizationId} `, `{${organizationId}}`, 1, null, undefined]) {
		expect(await codeOf(loader.findEnabled(id as string, 'production'))).toBe('VALIDATION');
		expect(loader.peek(id as string, 'production')).toBeUndefined();
	}
	for (const environment of ['', 'test', 'used', 'slots', '__proto__', 'constructor', null]) {
		expect(await codeOf(loader.findEnabled(organizationId, environment as 'production'))).toBe(
			'VALIDATION',
		);
		expect(loader.peek(organizationId, environment as 'production')).toBeUndefined();
	}
});

test('options that are unknown or not valid are refused', () => {
	for (const options of [
		{ maxOrganisations: 5 },
		{ maxOrganizations: 0 },
		{ maxOrganizations: 1.5 },
		{ pollIntervalMillis: 0 },
		{ pollIntervalMillis: Number.NaN },
		{ pollIntervalMillis: 250, maxStalenessMillis: 300 },
		{ maxStalenessMillis: Number.POSITIVE_INFINITY },
		{ preload: 'yes' },
		{ pool: { maxx: 1 } },
		{ keys: 'x' },
		null,
	]) {
		const connectionString = 'postgres://nobody@localhost/x';
		const given = options === null ? options : { connectionString, keys: loading.keys, ...options };
		expect(() => createDestinationsLoader(given as object)).toThrow(
			expect.objectContaining({ code: 'CONFIGURATION' }),
		);
	}
	expect(() => createDestinationsLoader({ keys: loading.keys })).toThrow(/DATABASE_LOADER_URL/);
});

test('answers are frozen, with everything in them', async () => {
	const loader = await loading.started();
	const { organizationId } = await loading.newDestination();
	const found = await loader.findEnabled(organizationId, 'production');
	const [destination] = found;
	if (destination?.type !== 'posthog') throw new Error('of another type');
	for (const value of [found, destination, destination.settings, destination.requiredConsent]) {
		expect(Object.isFrozen(value)).toBe(true);
	}
	expect(() => Object.assign(destination.settings, { apiKey: 'phc_other' })).toThrow(TypeError);
	expect(() => Object.assign(destination, { settings: {} })).toThrow(TypeError);
});

test('nothing that is printed shows a setting or a key', async () => {
	const loader = await loading.started();
	const apiKey = newApiKey();
	const { organizationId } = await loading.newDestination({ apiKey });
	const found = await loader.findEnabled(organizationId, 'production');
	const printed = [
		...[found, loader, loader.metrics(), { ...found[0] }].flatMap((value) => [
			inspect(value, { depth: 10, showHidden: true, getters: true }),
			JSON.stringify(value) ?? '',
			String(value),
		]),
	].join('\n');
	expect(printed).toContain(organizationId);
	expect(printed).not.toContain(apiKey);
	expect(printed).not.toContain(String(loading.keys).split(':')[1]);
	expect(printed).not.toContain(new URL(loading.database.logins.loaderConnectionString).password);
});

test('a database that cannot be reached is an error that isDatabaseUnavailable() knows', async () => {
	const loader = loading.loader({ connectionString: 'postgres://nobody:x@127.0.0.1:1/nowhere' });
	const error = await loader.start().catch((reason: unknown) => reason);
	expect(error).toMatchObject({ code: 'UNAVAILABLE', retryable: true });
	expect(isDatabaseUnavailable(error)).toBe(true);
});
