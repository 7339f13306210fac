import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import {
	createDestinationsLoader,
	type Destination,
	DestinationsError,
	type DestinationsLoader,
	destinationsFor,
	EnvelopeKeyProvider,
	Keyring,
	type SettingsContext,
	SettingsEncryption,
} from '../src/index.ts';
import { posthog } from './support/destinations.ts';
import { type Service, startService } from './support/service.ts';

/** In every hostile value that can hold a text, so that a message that repeats it is found. */
const secret = 'phc_Nobody+May=ReadThis';

let service: Service;
let organizationId: string;
let made: Destination;
let provider: EnvelopeKeyProvider;
let loader: DestinationsLoader;

beforeAll(async () => {
	service = await startService();
	organizationId = await service.createOrganization();
	made = await service.db.asService().destinations.create(posthog(organizationId));
	const { connectionString } = service;
	const wrap = async (bytes: Uint8Array) => bytes;
	provider = new EnvelopeKeyProvider({ wrap, unwrap: wrap, cacheSeconds: 1, connectionString });
	loader = createDestinationsLoader({
		connectionString: service.logins.loaderConnectionString,
		keys: service.keys,
	});
	await loader.start();
});
afterAll(async () => {
	await loader?.close();
	await provider.close();
	await service.stop();
});

const throwing = () => {
	throw new Error(secret);
};
const cyclic: Record<string, unknown> = { secret };
cyclic.self = cyclic;

const hostile: Record<string, unknown> = {
	undefined: undefined,
	null: null,
	true: true,
	NaN: Number.NaN,
	'-0': -0,
	Infinity: Number.POSITIVE_INFINITY,
	'a number beyond integers': 2 ** 53,
	'a fraction': 1.5,
	'a BigInt': 1n,
	'a symbol': Symbol(secret),
	'a function': () => secret,
	'an empty text': '',
	'a text': secret,
	'a text with NUL': '\u0000',
	'an id with NUL': '0193a1b2-0000-7000-8000-000000000001\u0000',
	'an id with a line break': '0193a1b2-0000-7000-8000-000000000001\n',
	'half of a surrogate pair': '\ud800',
	'a very long text': secret.repeat(100_000),
	'a text as an object': new String(secret),
	'an array': [],
	'an array of a text': [secret],
	'an array of an id': ['0193a1b2-0000-7000-8000-000000000001'],
	'an object with an unknown name': { [secret]: secret, unknownName: 1 },
	'an object with toString': { toString: () => '0193a1b2-0000-7000-8000-000000000001' },
	'an object with toString that throws': { toString: throwing, valueOf: throwing },
	'an object with toPrimitive': { [Symbol.toPrimitive]: () => secret },
	'a getter that throws': Object.defineProperty({}, 'settings', {
		get: throwing,
		enumerable: true,
	}),
	'an object that contains itself': cyclic,
	'a proxy that throws': new Proxy(
		{},
		{ get: throwing, has: throwing, ownKeys: throwing, getPrototypeOf: throwing },
	),
	'a revoked proxy': revoked(),
	'a map': new Map([[secret, secret]]),
	'a date': new Date(0),
	'a date that is none': new Date(Number.NaN),
	'a regular expression': /phc_/,
	bytes: Buffer.from(secret),
	'a promise': Promise.resolve(secret),
	'an error': new Error(secret),
};

function revoked(): object {
	const { proxy, revoke } = Proxy.revocable({}, {});
	revoke();
	return proxy;
}

type Call = (...args: never[]) => unknown;

interface Callee {
	readonly call: Call;
	/** With which it works. */
	readonly valid: () => unknown[];
}

const encryption = () => new SettingsEncryption(service.keys);
const context = () => ({ organizationId, destinationId: made.id, type: 'posthog' });

const repository = (name: string, valid: () => unknown[]): Callee => ({
	call: (...args: unknown[]) => {
		const destinations = service.db.asService().destinations;
		// Called as a caller without types would.
		return (destinations as unknown as Record<string, (...args: unknown[]) => unknown>)[name]?.(
			...args,
		);
	},
	valid,
});

/** Of no destination, for what would be done without options. */
const nobody = '0193a1b2-0000-7000-8000-0000000000ff';

const callees: Record<string, Callee> = {
	'DestinationRepository.create': repository('create', () => [posthog(organizationId)]),
	'DestinationRepository.findById': repository('findById', () => [made.id]),
	'DestinationRepository.findByOrganization': repository('findByOrganization', () => [
		organizationId,
		'production',
	]),
	'DestinationRepository.findByType': repository('findByType', () => ['posthog', 'production']),
	'DestinationRepository.list': repository('list', () => [{}]),
	'DestinationRepository.count': repository('count', () => [{}]),
	'DestinationRepository.update': repository('update', () => [made.id, {}, {}]),
	'DestinationRepository.patchSettings': repository('patchSettings', () => [made.id, {}, {}]),
	'DestinationRepository.revert': repository('revert', () => [made.id, 1, {}]),
	'DestinationRepository.history': repository('history', () => [made.id, {}]),
	'DestinationRepository.copyTo': repository('copyTo', () => [nobody, 'staging', {}]),
	'DestinationRepository.diff': repository('diff', () => [made.id, { id: made.id, version: 1 }]),
	'DestinationRepository.softDelete': repository('softDelete', () => [nobody, {}]),
	'DestinationRepository.restore': repository('restore', () => [nobody, {}]),
	'DestinationRepository.purge': repository('purge', () => [made.id]),
	'DestinationRepository.purgeDeleted': repository('purgeDeleted', () => [
		{ olderThan: new Date(0) },
	]),
	'DestinationRepository.pruneSettingsHistory': repository('pruneSettingsHistory', () => [
		{ keep: 9 },
	]),
	'DestinationRepository.testConnection': repository('testConnection', () => [made.id]),
	'DestinationRepository.testConnectionOutcome': repository('testConnectionOutcome', () => [
		made.id,
		{},
	]),
	'DestinationRepository.testSettings': repository('testSettings', () => ['console', {}, {}]),
	'AuditLog.list': {
		call: (...args) => service.db.asService().audit.list(...args),
		valid: () => [{}],
	},
	'AuditLog.export': {
		call: (...args) =>
			service.db
				.asService()
				.audit.export(...args)
				.next(),
		valid: () => [{}],
	},
	transaction: {
		// As a caller without types would call it.
		call: (...args) => Reflect.apply(service.db.asService().transaction, undefined, args),
		valid: () => [async () => undefined, {}],
	},
	'EnvelopeKeyProvider.renew': {
		call: (...args) => provider.renew(...(args as unknown as [string])),
		valid: () => [organizationId],
	},
	'EnvelopeKeyProvider.shred': {
		call: (...args) => provider.shred(...(args as unknown as [string])),
		valid: () => [organizationId],
	},
	'EnvelopeKeyProvider.primaryKeyId': {
		call: (...args) => provider.primaryKeyId(...(args as unknown as [string])),
		valid: () => [organizationId],
	},
	'Keyring.getKey': {
		call: async (...args) => new Keyring(service.keys).getKey(...(args as unknown as [string])),
		valid: () => ['test', organizationId],
	},
	'SettingsEncryption.encrypt': {
		call: (...args) => encryption().encrypt(...(args as unknown as [object, SettingsContext])),
		valid: () => [{}, context()],
	},
	'settings of SettingsEncryption.encrypt': {
		call: (value) => encryption().encrypt({ inside: [value] }, context()),
		valid: () => [{}],
	},
	'SettingsEncryption.decrypt': {
		call: (...args) => encryption().decrypt(...(args as unknown as [object, SettingsContext])),
		valid: () => [{}, context()],
	},
	'DestinationsLoader.findEnabled': {
		call: (...args) => loader.findEnabled(...(args as unknown as [string, 'production'])),
		valid: () => [organizationId, 'production'],
	},
	'DestinationsLoader.peek': {
		call: async (...args) => loader.peek(...(args as unknown as [string, 'production'])),
		valid: () => [organizationId, 'production'],
	},
	'DestinationsLoader.on': {
		call: async (...args) => void loader.on(...(args as unknown as ['status', () => void])),
		valid: () => ['status', () => {}],
	},
	'DestinationsLoader.off': {
		call: async (...args) => void loader.off(...(args as unknown as ['status', () => void])),
		valid: () => ['status', () => {}],
	},
	destinationsFor: {
		call: async (...args) => destinationsFor(...(args as unknown as [[], []])),
		valid: () => [[made], ['measurement']],
	},
	'EnvelopeKeyProvider.getKey': {
		call: (...args) => provider.getKey(...(args as unknown as [string, string])),
		valid: () => ['0193a1b2-0000-7000-8000-000000000001', organizationId],
	},
};

/** What takes no arguments. */
const withoutArguments = ['[Symbol.asyncDispose]', 'close', 'metrics', 'resync', 'start', 'status'];

test('every method of the repository, the log and the loader stands in this sweep', () => {
	const list = readFileSync(join(__dirname, 'release/exports.txt'), 'utf8');
	const classes = /^ {2}(DestinationRepository|AuditLog|DestinationsLoader): class \{ (.*) \}$/gm;
	const methods = [...list.matchAll(classes)];
	expect(methods).toHaveLength(3);
	for (const [, name, members = ''] of methods) {
		for (const member of members.split(', ')) {
			if (withoutArguments.includes(member)) continue;
			expect(callees).toHaveProperty([`${name}.${member}`]);
		}
	}
});

/** How many arguments a call takes: the parameters of its methods, those with defaults too. */
const counts: Record<string, number> = {
	transaction: 2,
	update: 3,
	patchSettings: 3,
	revert: 3,
	testSettings: 3,
	findByOrganization: 2,
	findByType: 2,
	copyTo: 3,
	diff: 2,
	softDelete: 2,
	restore: 2,
	history: 2,
	testConnectionOutcome: 2,
	getKey: 2,
	encrypt: 2,
	decrypt: 2,
	findEnabled: 2,
	peek: 2,
	on: 2,
	off: 2,
	destinationsFor: 2,
};

const positions = Object.entries(callees).flatMap(([name, callee]) => {
	const count = name.includes(' of ') ? 1 : (counts[name.slice(name.indexOf('.') + 1)] ?? 1);
	return Array.from({ length: count }, (_, index) => [name, index, callee] as const);
});

test.each(positions)(
	'%s, argument %d: whatever it is, nothing but a DestinationsError',
	async (_, index, { call, valid }) => {
		const before = await everything();
		for (const [kind, value] of Object.entries(hostile)) {
			const args = valid();
			expect(args.length).toBeGreaterThan(index);
			args[index] = value;
			const pending = start(kind, () => call(...(args as never[])));
			const error = await pending.then(
				() => undefined,
				(reason: unknown) => reason,
			);
			// What resolves changed nothing: `everything` below.
			if (error === undefined) continue;
			expect({ kind, error }).toEqual({ kind, error: expect.any(DestinationsError) });
			// The stack quotes this file, not a value.
			const shown = inspect(error, { depth: 5 }).replaceAll(/^\s+at .*$/gm, '');
			expect({ kind, shown: `${shown}${JSON.stringify(error)}` }).toEqual({
				kind,
				shown: expect.not.stringContaining(secret),
			});
			expect((error as Error).message.length).toBeLessThan(2000);
		}
		expect(await everything()).toEqual(before);
	},
	60_000,
);

/** A call as it must be: one that throws before there is a promise escapes a caller's `catch`. */
function start(kind: string, call: () => unknown): Promise<unknown> {
	try {
		const pending = call();
		expect(pending).toBeInstanceOf(Promise);
		return pending as Promise<unknown>;
	} catch (error) {
		throw new Error(`${kind} throws before there is a promise`, { cause: error });
	}
}

test.each(Object.entries(hostile))('a scope for %s is refused', (_, value) => {
	const { db } = service;
	for (const open of [
		() => db.forOrganization(value as string),
		() => db.forOrganization(organizationId, { actorId: value } as object),
		() => db.asService({ actorId: value } as object),
	]) {
		try {
			open();
			expect(value).toBeUndefined();
		} catch (error) {
			expect(error).toMatchObject({ code: 'VALIDATION' });
			expect(inspect(error)).not.toContain(secret);
		}
	}
});

async function everything(): Promise<unknown> {
	const { rows } = await service.admin.query(
		// What a test of the connection found is saved, and nothing else.
		`SELECT (SELECT json_agg(to_jsonb(d) - '{connection_status,last_tested_at,last_error,updated_at}'::text[]
				ORDER BY id) FROM destinations d) AS destinations,
			(SELECT count(*) FROM destination_audit_log) AS entries,
			(SELECT count(*) FROM destination_settings_history) AS earlier,
			(SELECT count(*) FROM destination_data_keys) AS keys`,
	);
	return rows;
}
