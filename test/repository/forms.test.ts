import { randomUUID } from 'node:crypto';
import { type Database, openDatabase } from '../../src/client/database.ts';
import { redact } from '../../src/destinations/redact.ts';
import { respond, startProvider, stopProviders } from '../destinations/support/local-provider.ts';
import { samples } from '../destinations/support/samples.ts';
import { strictProviders } from '../destinations/support/strict-provider.ts';
import { repositoryAt } from '../support/connection-testing.ts';
import { type Service, startService } from '../support/service.ts';

// Settings as a form sends them that shows what `redact()` returns.

let service: Service;
let database: Database;

beforeAll(async () => {
	service = await startService();
	database = openDatabase(
		{ connectionString: service.connectionString, max: 2 },
		{ namedStatements: true },
	);
});

afterAll(async () => {
	await database.close();
	await service.stop();
	await stopProviders();
});

async function savedPixel(handler = strictProviders) {
	const organizationId = await service.createOrganization();
	const provider = await startProvider(handler);
	const destinations = repositoryAt(database, service, organizationId, provider);
	const made = await destinations.create({
		organizationId,
		type: 'meta-pixel',
		name: 'Shop',
		settings: samples['meta-pixel'],
	});
	const shown = redact(made).settings ?? {};
	return { destinations, provider, made, shown, id: made.id };
}

async function stored(id: string): Promise<string> {
	const { rows } = await service.admin.query(
		'SELECT settings::text FROM destinations WHERE id = $1',
		[id],
	);
	return rows[0].settings;
}

describe('keepMasked', () => {
	test('keeps the secret of which the form shows a mask, and no other change is lost', async () => {
		const { destinations, made, shown, id } = await savedPixel();
		const before = await stored(id);
		// The form as it was shown is no change.
		for (const save of [
			() => destinations.patchSettings(id, shown, { keepMasked: true }),
			() => destinations.update(id, { settings: shown as never }, { keepMasked: true }),
		]) {
			expect(await save()).toEqual(made);
			expect(await stored(id)).toBe(before);
		}
		const changed = { ...shown, testEventCode: 'TEST2' };
		const patched = await destinations.patchSettings(id, changed, { keepMasked: true });
		expect(patched.settings).toEqual({ ...made.settings, testEventCode: 'TEST2' });
		const updated = await destinations.update(
			id,
			{ name: 'New', settings: shown as never },
			{ keepMasked: true, expectedVersion: patched.version },
		);
		expect(updated).toMatchObject({ name: 'New', settings: made.settings });
	});

	test('is not assumed, and keeps no mask of something else', async () => {
		const { destinations, shown, id } = await savedPixel();
		const other = { ...shown, accessToken: '••••••••else' };
		for (const [settings, options] of [
			[shown, {}],
			[shown, { keepMasked: false }],
			[other, { keepMasked: true }],
		] as const) {
			const refused = { code: 'VALIDATION', issues: [expect.objectContaining({ code: 'masked' })] };
			await expect(destinations.patchSettings(id, settings, options)).rejects.toMatchObject(
				refused,
			);
			await expect(
				destinations.update(id, { settings: settings as never }, options),
			).rejects.toMatchObject(refused);
		}
		await expect(
			destinations.patchSettings(id, {}, { keepMasked: 'yes' as never }),
		).rejects.toMatchObject({ code: 'VALIDATION' });
	});
});

describe('testSettings of what is stored, with a patch on it', () => {
	test('asks the provider and saves nothing', async () => {
		const { destinations, provider, made, shown, id } = await savedPixel();
		const before = await destinations.findById(id);
		expect(await destinations.testSettings(id, {})).toMatchObject({ verdict: 'verified' });
		expect(await destinations.testSettings(id, { accessToken: 'EAAwrong' })).toMatchObject({
			verdict: 'failed',
			code: 'invalid_credentials',
		});
		expect(await destinations.testSettings(id, shown, { keepMasked: true })).toMatchObject({
			verdict: 'verified',
		});
		expect(provider.received).toHaveLength(3);
		expect(await destinations.findById(id)).toEqual(before);
		expect(made.connectionStatus).toBe('unknown');
	});

	test('fails before it asks where there is nothing to ask with', async () => {
		const { destinations, provider, shown, id } = await savedPixel();
		const codeOf = (call: Promise<unknown>) => call.then(String, ({ code }) => code);
		expect(await codeOf(destinations.testSettings(randomUUID(), {}))).toBe('NOT_FOUND');
		expect(await codeOf(destinations.testSettings('nobody' as never, {}))).toBe('VALIDATION');
		expect(await codeOf(destinations.testSettings(id, { colour: 1 }))).toBe('VALIDATION');
		expect(await codeOf(destinations.testSettings(id, shown))).toBe('VALIDATION');
		const controller = new AbortController();
		controller.abort(new Error('gone'));
		await expect(destinations.testSettings(id, {}, { signal: controller.signal })).rejects.toThrow(
			'gone',
		);
		expect(provider.received).toEqual([]);
	});

	test('sees no destination of another organization', async () => {
		const { id } = await savedPixel();
		const stranger = await savedPixel(respond(200, {}));
		await expect(stranger.destinations.testSettings(id, {})).rejects.toMatchObject({
			code: 'NOT_FOUND',
		});
	});
});

it('an empty description is none, on create and update', async () => {
	const organizationId = await service.createOrganization();
	const { destinations } = service.db.forOrganization(organizationId);
	const made = await destinations.create({
		...{ organizationId, type: 'console', name: 'Log', settings: {} },
		description: ' ',
	});
	expect(made.description).toBeNull();
	await destinations.update(made.id, { description: 'For us' });
	expect((await destinations.update(made.id, { description: '' })).description).toBeNull();
});
