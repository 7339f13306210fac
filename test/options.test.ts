import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Pool } from 'pg';
import * as api from '../src/index.ts';
import { startTestDatabase } from '../src/testing/index.ts';
import { posthog } from './support/destinations.ts';
import { type Service, startService } from './support/service.ts';

const key = `test:${'4f'.repeat(31)}aa`;
const secret = 'phc_NobodyMayReadThis';

let service: Service;
let organizationId: string;
let made: api.Destination;
let loader: api.DestinationsLoader;

beforeAll(async () => {
	service = await startService();
	organizationId = await service.createOrganization();
	made = await service.db.asService().destinations.create(posthog(organizationId));
	const connectionString = service.logins.loaderConnectionString;
	loader = api.createDestinationsLoader({ connectionString, keys: service.keys });
	await loader.start();
});
afterAll(async () => {
	await loader?.close();
	await service.stop();
});

const repository = () => service.db.asService().destinations;
const wrapper = {
	wrap: async (bytes: Uint8Array) => bytes,
	unwrap: async (bytes: Uint8Array) => bytes,
};

interface Callee {
	readonly code: 'VALIDATION' | 'CONFIGURATION';
	/** Options with which the call works; `options` are these, and something that is not. */
	readonly valid?: () => object;
	readonly call: (options: never) => unknown;
}

/** Everything that takes an object of options, and what it is called with. */
const callees: Record<string, Callee> = {
	createDestinationsClient: {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString, keys: key }),
		call: (options) => api.createDestinationsClient(options),
	},
	'new DestinationsClient': {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString, keys: key }),
		call: (options) => new api.DestinationsClient(options),
	},
	'pool of createDestinationsClient': {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString }),
		call: (pool) => api.createDestinationsClient({ pool, keys: key }),
	},
	createDestinationsLoader: {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString, keys: key }),
		call: (options) => api.createDestinationsLoader(options),
	},
	'pool of createDestinationsLoader': {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString }),
		call: (pool) => api.createDestinationsLoader({ pool, keys: key }),
	},
	'new DestinationsLoader': {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString, keys: key }),
		call: (options) => new api.DestinationsLoader(options),
	},
	'DestinationsClient.forOrganization': {
		code: 'VALIDATION',
		call: (options) => service.db.forOrganization(organizationId, options),
	},
	'DestinationsClient.asService': {
		code: 'VALIDATION',
		call: (options) => service.db.asService(options),
	},
	'DestinationRepository.create': {
		code: 'VALIDATION',
		valid: () => ({ ...posthog(organizationId), environment: 'staging' }),
		call: (input) => repository().create(input),
	},
	'DestinationRepository.list': {
		code: 'VALIDATION',
		call: (options) => repository().list(options),
	},
	'DestinationRepository.count': {
		code: 'VALIDATION',
		call: (options) => repository().count(options),
	},
	'DestinationRepository.update': {
		code: 'VALIDATION',
		call: (options) => repository().update(made.id, { enabled: false }, options),
	},
	'changes of DestinationRepository.update': {
		code: 'VALIDATION',
		call: (changes) => repository().update(made.id, changes),
	},
	'DestinationRepository.patchSettings': {
		code: 'VALIDATION',
		call: (options) => repository().patchSettings(made.id, { apiKey: secret }, options),
	},
	'DestinationRepository.revert': {
		code: 'VALIDATION',
		call: (options) => repository().revert(made.id, 1, options),
	},
	'DestinationRepository.copyTo': {
		code: 'VALIDATION',
		call: (options) => repository().copyTo(made.id, 'development', options),
	},
	'DestinationRepository.findById': {
		code: 'VALIDATION',
		call: (options) => repository().findById(made.id, options),
	},
	'DestinationRepository.testConnection': {
		code: 'VALIDATION',
		call: (options) => repository().testConnection(made.id, options),
	},
	'DestinationRepository.purge': {
		code: 'VALIDATION',
		call: (options) => repository().purge(made.id, options),
	},
	'options of DestinationRepository.diff': {
		code: 'VALIDATION',
		call: (options) => repository().diff(made.id, made.id, options),
	},
	'DestinationRepository.diff': {
		code: 'VALIDATION',
		valid: () => ({ id: made.id, version: 1 }),
		call: (place) => repository().diff(made.id, place as { id: string }),
	},
	'DestinationRepository.softDelete': {
		code: 'VALIDATION',
		call: (options) => repository().softDelete(made.id, options),
	},
	'DestinationRepository.restore': {
		code: 'VALIDATION',
		call: (options) => repository().restore(made.id, options),
	},
	'DestinationRepository.history': {
		code: 'VALIDATION',
		call: (options) => repository().history(made.id, options),
	},
	'DestinationRepository.testConnectionOutcome': {
		code: 'VALIDATION',
		call: (options) => repository().testConnectionOutcome(made.id, options),
	},
	'DestinationRepository.testSettings': {
		code: 'VALIDATION',
		call: (options) => repository().testSettings('console', {}, options),
	},
	'patch of DestinationRepository.testSettings': {
		code: 'VALIDATION',
		call: (options) => repository().testSettings(made.id, {}, options),
	},
	'DestinationRepository.purgeDeleted': {
		code: 'VALIDATION',
		valid: () => ({ olderThan: new Date(0) }),
		call: (options) => repository().purgeDeleted(options),
	},
	'DestinationRepository.pruneSettingsHistory': {
		code: 'VALIDATION',
		valid: () => ({ keep: 0 }),
		call: (options) => repository().pruneSettingsHistory(options),
	},
	'options of ScopedClient.transaction': {
		code: 'VALIDATION',
		call: (options) => service.db.asService().transaction(async () => undefined, options),
	},
	'AuditLog.list': {
		code: 'VALIDATION',
		call: (options) => service.db.asService().audit.list(options),
	},
	'AuditLog.export': {
		code: 'VALIDATION',
		call: (options) => service.db.asService().audit.export(options).next(),
	},
	destinationsExtension: {
		code: 'CONFIGURATION',
		valid: () => ({ keys: key }),
		call: (options) => api.destinationsExtension(options),
	},
	'new EnvelopeKeyProvider': {
		code: 'CONFIGURATION',
		valid: () => ({
			...wrapper,
			cacheSeconds: 1,
			connectionString: service.connectionString,
		}),
		call: (options) => new api.EnvelopeKeyProvider(options),
	},
	'pool of new EnvelopeKeyProvider': {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString }),
		call: (pool) => new api.EnvelopeKeyProvider({ ...wrapper, cacheSeconds: 1, pool }),
	},
	'SettingsEncryption.encrypt': {
		code: 'VALIDATION',
		valid: context,
		call: (options) => new api.SettingsEncryption(key).encrypt({}, options),
	},
	'SettingsEncryption.decrypt': {
		code: 'VALIDATION',
		valid: context,
		call: (options) => new api.SettingsEncryption(key).decrypt({}, options),
	},
	testSettings: {
		code: 'VALIDATION',
		call: (options) => api.testSettings('console', {}, options),
	},
	rotateKeys: {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString, keys: service.keys }),
		call: (options) => api.rotateKeys(options),
	},
	verifySettings: {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString, keys: service.keys }),
		call: (options) => api.verifySettings(options),
	},
	purgeExpired: {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString, settingsKeep: 100, dryRun: true }),
		call: (options) => api.purgeExpired(options),
	},
	'connection of verifySettings': {
		code: 'CONFIGURATION',
		valid: () => ({ connectionString: service.connectionString }),
		call: (connection) => api.verifySettings({ connection, keys: service.keys }),
	},
	startTestDatabase: {
		code: 'CONFIGURATION',
		valid: () => ({ source: service.connectionString }),
		call: (options) => startTestDatabase(options),
	},
};

/** What takes none, by what it takes. */
const without: Record<string, readonly string[]> = {
	'ids, words and numbers alone': [
		'DestinationRepository.findByOrganization',
		'DestinationRepository.findByType',
		'EnvelopeKeyProvider.primaryKeyId',
		'EnvelopeKeyProvider.getKey',
		'EnvelopeKeyProvider.renew',
		'EnvelopeKeyProvider.shred',
		'DestinationsLoader.findEnabled',
		'DestinationsLoader.peek',
		'DestinationsLoader.on',
		'DestinationsLoader.off',
		'describeSettings',
		'destinationsFor',
		'Keyring.primaryKeyId',
		'Keyring.getKey',
		'new Keyring',
	],
	nothing: [
		'DestinationsClient.connect',
		'DestinationsClient.stats',
		'DestinationsClient.close',
		'DestinationsClient.[Symbol.asyncDispose]',
		'DestinationsLoader.start',
		'DestinationsLoader.resync',
		'DestinationsLoader.metrics',
		'DestinationsLoader.close',
		'DestinationsLoader.[Symbol.asyncDispose]',
		'EnvelopeKeyProvider.close',
		'EnvelopeKeyProvider.[Symbol.asyncDispose]',
		'createTestKeys',
	],
	'a provider of keys, which may have members of its own': ['new SettingsEncryption'],
	'anything at all, and throws nothing': [
		'httpStatusOf',
		'isDatabaseUnavailable',
		'isMasked',
		'isRetryable',
		'redact',
		'toClientConfig',
		'toProblem',
	],
	'an input, which `create` checks': ['createTestDestination'],
	'what a scope hands to it: users cannot make one': [
		'new DestinationRepository',
		'new AuditLog',
		'new LoadedDestinationOf',
		'new TestLogins',
	],
	'a value, not a call': [
		'EnvelopeKeyProvider.cacheSeconds',
		'EnvelopeKeyProvider.timeoutSeconds',
		'DestinationsLoader.status',
		...[
			'environment',
			'id',
			'organizationId',
			'requiredConsent',
			'settings',
			'testMode',
			'type',
			'version',
		].map((name) => `LoadedDestinationOf.${name}`),
		'LoadedDestinationOf.[Symbol.custom]',
		...['connectionString', 'loaderConnectionString', 'serviceConnectionString'].map(
			(name) => `TestLogins.${name}`,
		),
		'Keyring.cacheSeconds',
		'Keyring.keyIds',
		'SettingsEncryption.plaintext',
	],
	'what the package calls, with arguments that are checked by then': [
		'SettingsEncryption.tryOpen',
		'SettingsEncryption.expiresAt',
	],
};

function context() {
	return { organizationId, destinationId: made.id, type: 'posthog' };
}

/** Every function, constructor and member of a class that the package exports, errors aside. */
function exported(): string[] {
	const list = readFileSync(join(__dirname, 'release/exports.txt'), 'utf8');
	return [...list.matchAll(/^ {2}(\w+): (function|class)(?: \{ (.*) \})?$/gm)]
		.filter(([, name]) => !name?.endsWith('Error'))
		.flatMap(([, name, kind, members]) =>
			kind === 'function'
				? [`${name}`]
				: [`new ${name}`, ...(members ?? '').split(', ').map((member) => `${name}.${member}`)],
		);
}

test('every function and method that is exported stands in this sweep', () => {
	const known = [...Object.keys(callees), ...Object.values(without).flat()];
	expect(exported().filter((name) => !known.includes(name))).toEqual([]);
	const parts = known.filter((name) => !name.includes(' of '));
	expect(parts.filter((name) => !exported().includes(name))).toEqual([]);
});

class Options {
	readonly cursor = secret;
}

/** What options may not be, made of options with which the call works. */
const hostile: Record<string, (valid: object) => unknown> = {
	'an unknown name': (valid) => ({ ...valid, organisationId: secret }),
	'a name in another case': (valid) => ({ ...valid, expectedversion: 1 }),
	'a secret as a name': (valid) => ({ ...valid, [secret]: 1 }),
	null: () => null,
	'an array': () => [],
	'an array of them': (valid) => [valid],
	text: () => secret,
	'a number': () => 5,
	'a function': () => () => secret,
	'an instance of a class': () => new Options(),
	'a pool': () => new Pool({ password: secret }),
	'a map': () => new Map([[secret, secret]]),
	'an inherited member': (valid) => Object.create({ ...valid, cursor: secret }),
	'a member inherited of an object without a prototype': (valid) =>
		Object.create(Object.assign(Object.create(null), valid, { cursor: secret })),
	'a member named __proto__': (valid) =>
		Object.assign(JSON.parse(`{"__proto__":{"cursor":"${secret}"}}`), valid),
	'a getter': (valid) =>
		Object.defineProperty({ ...valid }, 'cursor', { enumerable: true, get: () => secret }),
	'a symbol': (valid) => ({ ...valid, [Symbol(secret)]: 1 }),
	'more fields than any options have': (valid) =>
		Object.assign({ ...valid }, ...Array.from({ length: 60 }, (_, n) => ({ [`a${n}`]: 1 }))),
	'a proxy that throws': (valid) =>
		new Proxy(valid, {
			ownKeys: () => {
				throw new Error(secret);
			},
		}),
};

test.each([['.'], [''], ['https://a.example'], ['localhost'], ['a.example', 5], 'a.example', null])(
	'createDestinationsClient refuses allowedHosts %j at once',
	async (allowedHosts) => {
		const options = { connectionString: service.connectionString, keys: key, allowedHosts };
		const error = await failure(() => api.createDestinationsClient(options as object));
		expect(error).toMatchObject({ code: 'CONFIGURATION' });
		expect(error.message).toContain('allowedHosts');
	},
);

describe.each(Object.entries(callees))('%s refuses', (_, { code, valid = () => ({}), call }) => {
	test.each(Object.entries(hostile))('%s', async (_, make) => {
		const before = await everything();
		const error = await failure(() => call(make(valid()) as never));
		expect(error).toMatchObject({ code });
		expect(`${error.stack}${JSON.stringify(error)}`).not.toContain(secret);
		expect(await everything()).toEqual(before);
	});
});

test.each(Object.entries(callees))(
	'%s names the option that it does not know',
	async (_, callee) => {
		const valid = callee.valid?.() ?? {};
		const error = await failure(() => callee.call({ ...valid, organisationId: 'x' } as never));
		expect(error.message).toMatch(/unknown (option|field) "organisationId"; allowed are \w+/);
	},
);

test.each(Object.entries(callees))('%s takes undefined for left out', async (_, callee) => {
	const valid = { ...callee.valid?.(), cursor: undefined };
	const error = await failure(() => callee.call(valid as never));
	if (!(error instanceof Opened)) {
		// What was refused was not the name: a destination is there already, an envelope is not one.
		expect(error).not.toMatchObject({ code: callee.code });
	}
});

describe('an argument that a method does not take', () => {
	/** All that each takes, with which it would work. */
	const all: Record<string, () => readonly unknown[]> = {
		'DestinationsClient.forOrganization': () => [organizationId, {}],
		'DestinationsClient.asService': () => [{}],
		'DestinationsClient.connect': () => [],
		'DestinationsClient.stats': () => [],
		'DestinationsClient.close': () => [],
		'DestinationsClient.[Symbol.asyncDispose]': () => [],
		'DestinationRepository.create': () => [
			{ ...posthog(organizationId), environment: 'development' },
		],
		'DestinationRepository.findById': () => [made.id, {}],
		'DestinationRepository.findByOrganization': () => [organizationId, 'production'],
		'DestinationRepository.findByType': () => ['posthog', 'production'],
		'DestinationRepository.list': () => [{}],
		'DestinationRepository.count': () => [{}],
		'DestinationRepository.update': () => [made.id, { enabled: false }, {}],
		'DestinationRepository.patchSettings': () => [made.id, { enableClientSide: false }, {}],
		'DestinationRepository.copyTo': () => [made.id, 'development', {}],
		'DestinationRepository.diff': () => [made.id, { id: made.id, version: 1 }, {}],
		'DestinationRepository.softDelete': () => [made.id, {}],
		'DestinationRepository.restore': () => [made.id, {}],
		'DestinationRepository.testConnection': () => [made.id, {}],
		'DestinationRepository.testConnectionOutcome': () => [made.id, {}],
		'DestinationRepository.testSettings': () => ['console', {}, {}],
		'DestinationRepository.history': () => [made.id, {}],
		'DestinationRepository.revert': () => [made.id, 1, {}],
		'DestinationRepository.purge': () => [made.id, {}],
		'DestinationRepository.purgeDeleted': () => [{ olderThan: new Date() }],
		'DestinationRepository.pruneSettingsHistory': () => [{ keep: 0 }],
		'ScopedClient.transaction': () => [
			(tx: api.ScopedTransaction) => tx.destinations.softDelete(made.id),
			{},
		],
		'AuditLog.list': () => [{}],
		'AuditLog.export': () => [{}],
		'DestinationsLoader.start': () => [],
		'DestinationsLoader.findEnabled': () => [organizationId, 'production'],
		'DestinationsLoader.peek': () => [organizationId, 'production'],
		'DestinationsLoader.resync': () => [],
		'DestinationsLoader.metrics': () => [],
		'DestinationsLoader.on': () => ['status', () => {}],
		'DestinationsLoader.off': () => ['status', () => {}],
		'DestinationsLoader.close': () => [],
		'DestinationsLoader.[Symbol.asyncDispose]': () => [],
	};
	/** Those that return no promise, so that they throw. */
	const immediate = [
		'DestinationsClient.forOrganization',
		'DestinationsClient.asService',
		'DestinationsClient.stats',
		'DestinationsLoader.peek',
		'DestinationsLoader.metrics',
		'DestinationsLoader.on',
		'DestinationsLoader.off',
	];

	function call(name: string, args: readonly unknown[]): unknown {
		const [of = '', method = ''] = name.split('.');
		const { db } = service;
		const scope = db.asService();
		const holders: Readonly<Record<string, object>> = {
			...{ DestinationsClient: db, ScopedClient: scope },
			...{ AuditLog: scope.audit, DestinationsLoader: loader },
		};
		const on = holders[of] ?? repository();
		const found: unknown = Reflect.get(on, name.includes('Symbol') ? Symbol.asyncDispose : method);
		const made: unknown = Reflect.apply(found as () => unknown, on, args);
		return of === 'AuditLog' && method === 'export' ? (made as AsyncGenerator).next() : made;
	}

	test.each(Object.entries(all))('is refused by %s', async (name, args) => {
		const before = await everything();
		for (const further of [{ expectedVersion: 9 }, { [secret]: 1 }, null, secret, false, 0]) {
			for (const more of [[further], [undefined, further]]) {
				let returned = false;
				const error = await failure(() => {
					const pending = call(name, [...args(), ...more]);
					returned = true;
					return pending;
				});
				// What throws before there is a promise escapes a caller's `catch`.
				expect(returned).toBe(!immediate.includes(name));
				expect(error).toMatchObject({ code: 'VALIDATION' });
				expect(error.message).toMatch(/takes (no|\d) arguments?; leave out/);
				expect(error.message).not.toContain(secret);
			}
		}
		expect(await everything()).toEqual(before);
	});

	test('is not there if it is undefined', async () => {
		const found = (await call('DestinationRepository.findById', [made.id, undefined])) as object;
		expect(found).toMatchObject({ id: made.id });
	});

	test('is refused by every public method of a client, of what it has, and of a loader', () => {
		const classes = /^(DestinationsClient|DestinationRepository|AuditLog|DestinationsLoader)\./;
		const values = without['a value, not a call'] ?? [];
		const methods = exported().filter((name) => classes.test(name) && !values.includes(name));
		expect(Object.keys(all).sort()).toEqual([...methods, 'ScopedClient.transaction'].sort());
	});
});

/** What a call made, as something to throw. */
class Opened extends Error {}

/** The error of a call. What it opens, if it does not fail, is closed again. */
async function failure(call: () => unknown): Promise<Error> {
	try {
		const opened = await call();
		if (typeof opened === 'object' && opened !== null && 'close' in opened) {
			await (opened as api.DestinationsClient).close();
		}
		if (typeof opened === 'object' && opened !== null && 'stop' in opened) {
			await (opened as { stop(): Promise<void> }).stop();
		}
		return new Opened();
	} catch (error) {
		return error as Error;
	}
}

async function everything(): Promise<unknown> {
	const { rows } = await service.admin.query(
		`SELECT (SELECT json_agg(d ORDER BY id) FROM destinations d) AS destinations,
			(SELECT count(*) FROM destination_audit_log) AS entries`,
	);
	return rows;
}
