import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { Keyring } from '../../src/keys/keyring.ts';
import { deriveTenantKey } from '../../src/keys/tenant-key.ts';
import { destinationsExtension } from '../../src/prisma/extension/destinations-extension.ts';
import { changed, newContext } from '../support/encryption.ts';
import { ExtendedDatabase, errorOf, run } from '../support/extended-client.ts';

const key = randomBytes(32);
const keys = `2026-11:${key.toString('hex')}`;
const secret = 'phc_s3cr3tSettingOfThisTest';

/** Every form in which a print could show bytes. */
function formsOf(bytes: Uint8Array): string[] {
	const buffer = Buffer.from(bytes);
	return [
		buffer.toString('hex'),
		buffer.toString('base64').slice(0, 40),
		buffer.toString('base64url').slice(0, 40),
		// As Buffers, typed arrays and ArrayBuffers are printed.
		[...buffer.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
		[...buffer.subarray(0, 6)].join(', '),
		[...buffer.subarray(0, 6)].join(','),
		JSON.stringify(Uint8Array.from(buffer.subarray(0, 6))).slice(1, -1),
	];
}

function print(value: unknown): string {
	return [
		inspect(value, {
			showHidden: true,
			depth: Number.POSITIVE_INFINITY,
			getters: true,
			maxArrayLength: null,
		}),
		inspect(value, { showProxy: true, showHidden: true, depth: 8 }),
		String(value instanceof Error ? value.stack : ''),
	]
		.join('\n')
		.replace(/\s+/g, ' ');
}

function expectNothing(shown: string): void {
	for (const form of [...formsOf(key), secret]) expect(shown).not.toContain(form);
}

it('the forms are those in which Node prints bytes', () => {
	const shown = print({
		buffer: key,
		plain: Uint8Array.from(key),
		raw: Uint8Array.from(key).buffer,
	});
	for (const form of formsOf(key).slice(3, 5)) expect(shown).toContain(form);
	expect(JSON.stringify(key)).toContain(formsOf(key)[5]);
	expect(JSON.stringify(Uint8Array.from(key))).toContain(formsOf(key)[6]);
});

it('neither a key ring nor encryption shows a key, before and after its use', async () => {
	const keyring = new Keyring(keys);
	const encryption = new SettingsEncryption(keyring);
	const byText = new SettingsEncryption(keys);
	const context = newContext();
	for (const used of [encryption, byText]) {
		const envelope = await used.encrypt({ secret }, context);
		await used.decrypt(envelope, context);
		for (const object of [keyring, used, envelope]) {
			expectNothing(print(object));
			expectNothing(JSON.stringify(object));
			expectNothing(`${object}`);
			expectNothing(JSON.stringify(Object.getOwnPropertyDescriptors(object)));
		}
	}
	expect(() => structuredClone(keyring)).not.toThrow();
	expectNothing(print(structuredClone(keyring)));
});

it('a derived key shows nothing of what it was derived from, nor itself', () => {
	const derived = deriveTenantKey(key, '2026-11', 'organization');
	expectNothing(print(derived));
	expectNothing(JSON.stringify(derived));
	const { cipherKey } = derived;
	for (const form of formsOf(cipherKey.export())) expect(print(derived)).not.toContain(form);
});

it('no error of encryption shows a key or a setting', async () => {
	const encryption = new SettingsEncryption(keys);
	const context = newContext();
	const envelope = await encryption.encrypt({ secret }, context);
	const cyclic: Record<string, unknown> = { secret };
	cyclic.self = cyclic;
	const works: (() => Promise<unknown>)[] = [
		() => encryption.decrypt(changed(envelope, { ct: `B${envelope.ct.slice(1)}` }), context),
		() => encryption.decrypt(changed(envelope, { kid: 'lost' }), context),
		() => encryption.decrypt({ apiKey: secret }, context),
		() => encryption.decrypt(secret, context),
		() => encryption.encrypt(cyclic, context),
		() => encryption.encrypt({ a: `${secret}\u0000` }, context),
		() => encryption.encrypt(secret, context),
		() => encryption.encrypt({ secret, ...envelope }, context),
		() => encryption.encrypt({ a: 1 }, { ...context, type: secret.repeat(20) }),
		async () => new Keyring(`a:${key.toString('hex')}0`),
		async () => new Keyring(key.toString('base64')),
		async () => new SettingsEncryption(`${keys},b:${key.toString('hex')}`),
		async () => new SettingsEncryption(key as never),
	];
	for (const work of works) {
		const error = await errorOf(work);
		expect(error.code).toEqual(expect.stringMatching(/^[A-Z_]+$/));
		expectNothing(print(error));
		expectNothing(JSON.stringify(error));
	}
});

describe('a client', () => {
	let db: ExtendedDatabase;

	beforeAll(async () => {
		db = await ExtendedDatabase.open();
	});

	afterAll(() => db.close());

	it('does not show the keys of its extension', async () => {
		const extension = destinationsExtension({ keys });
		expectNothing(print(extension));
		const client = db.connect(keys);
		const organizationId = await db.newOrganization();
		await client.destination.create({
			data: { organizationId, type: 'posthog', name: 'x', settings: { apiKey: secret } },
		});
		// The whole client has Prisma's compiler in it, so a few levels stand for all.
		const shown = inspect(client, { showHidden: true, depth: 6, getters: true });
		expectNothing(shown);
		for (const method of [client.destination, client.destination.withDeleted()]) {
			expectNothing(inspect(method, { showHidden: true, depth: 3 }));
		}
	});

	it('shows no setting in an error, in a statement or in its parameters', async () => {
		const seen: string[] = [];
		const base = db.connectBase();
		for (const level of ['query', 'info', 'warn', 'error'] as const) {
			base.$on(level as never, (event: unknown) => seen.push(JSON.stringify(event)));
		}
		const client = db.extend(base, keys);
		const organizationId = await db.newOrganization();
		const data = { organizationId, type: 'posthog', name: 'x', settings: { apiKey: secret } };
		const made = (await run(client, 'destination', 'create', { data })) as { id: string };
		const where = { id: made.id };
		const bad: [string, string, object][] = [
			['destination', 'create', { data }],
			['destination', 'create', { data: { ...data, id: 12 } }],
			['destination', 'create', { data: { ...data, nothing: 1 } }],
			['destination', 'create', { data: { ...data, environment: 'moon' } }],
			['destination', 'create', { data: [data] }],
			['destination', 'create', { data: { ...data, type: 'moon' } }],
			['destination', 'createMany', { data: [[data]] }],
			['destination', 'update', { where: null, data }],
			['destination', 'update', { where, data: [data] }],
			['destination', 'update', { where, data: { ...data, nothing: 1 } }],
			['destination', 'update', { where, data: { settings: { apiKey: secret, x: secret } } }],
			['destination', 'update', { where, data: { settings: secret } }],
			['destination', 'updateMany', { where, data }],
			['destination', 'upsert', { where, create: [data], update: data }],
			['destination', 'upsert', { where: {}, create: data, update: data }],
			['destination', 'findMany', { where: { settings: { equals: { apiKey: secret } } } }],
			[
				'destination',
				'findMany',
				{ where: { AND: { settings: { path: ['apiKey'], equals: secret } } } },
			],
			['organization', 'create', { data: { destinations: [{ create: data }] } }],
			['organization', 'create', { data: { destinations: { create: data } } }],
			[
				'organization',
				'create',
				{ data: { destinations: { create: { ...data, settings: [secret] } } } },
			],
			['organization', 'create', { data: { settings: { apiKey: secret } } }],
			['user', 'create', { data: { createdDestinations: { createMany: [data] } } }],
			['user', 'create', { data: { updatedDestinations: { createMany: { data: { data } } } } }],
		];
		for (const [model, operation, args] of bad) {
			const error = await errorOf(() => run(client, model, operation, args));
			// The stack of a Prisma error quotes lines of this file, which name a variable.
			expectNothing(print(error));
		}
		expectNothing(seen.join('\n'));
		expect(seen.join('\n')).toContain('A256GCM');
	});
});
