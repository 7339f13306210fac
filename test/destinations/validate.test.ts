import { runInNewContext } from 'node:vm';
import {
	validateCreate,
	validateSettings,
	validateUpdate,
} from '../../src/destinations/validate.ts';
import { ValidationError } from '../../src/errors.ts';
import { samples } from './support/samples.ts';

const create = {
	organizationId: '018f0000-0000-7000-8000-00000000000a',
	type: 'posthog',
	name: 'EU project',
	settings: { apiKey: 'phc_a' },
};

function issuesOf(run: () => unknown): string[] {
	try {
		run();
		return [];
	} catch (error) {
		expect(error).toBeInstanceOf(ValidationError);
		// Just asserted.
		const { issues } = error as ValidationError;
		return issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
	}
}

describe('validateCreate', () => {
	it('gives what was given, with complete settings, and leaves the rest to the database', () => {
		expect(validateCreate({ ...create, description: undefined })).toEqual({
			...create,
			settings: {
				apiKey: 'phc_a',
				host: 'https://eu.i.posthog.com',
				enableServerSide: true,
				enableClientSide: true,
			},
			requiredConsent: ['measurement'],
		});
		expect(Object.keys(validateCreate({ ...create, description: undefined }))).not.toContain(
			'description',
		);
	});

	it('asks for the consent that the type stands for, unless told otherwise', () => {
		const consentOf = (input: object) => validateCreate({ ...create, ...input }).requiredConsent;
		expect(consentOf({})).toEqual(['measurement']);
		expect(consentOf({ requiredConsent: [] })).toEqual([]);
		const { settings: _, ...rest } = create;
		const pixel = { type: 'meta-pixel', settings: samples['meta-pixel'] };
		expect(validateCreate({ ...rest, ...pixel }).requiredConsent).toEqual(['marketing']);
		expect(validateCreate({ ...rest, type: 'console', settings: {} }).requiredConsent).toEqual([]);
	});

	it('knows where a local host may be', () => {
		const local = { ...create, settings: { apiKey: 'phc_a', host: 'http://localhost:8000' } };
		expect(issuesOf(() => validateCreate({ ...local, environment: 'development' }))).toEqual([]);
		// Production is the default.
		for (const input of [local, { ...local, environment: 'staging' }]) {
			expect(issuesOf(() => validateCreate(input))).toEqual([
				expect.stringContaining('settings.host: leads to this machine'),
			]);
		}
		const { settings } = local;
		expect(issuesOf(() => validateUpdate('posthog', { settings }, 'development'))).toEqual([]);
		expect(issuesOf(() => validateUpdate('posthog', { settings }, 'production'))).toHaveLength(1);
		const moved = { settings, environment: 'production' };
		expect(issuesOf(() => validateUpdate('posthog', moved, 'development'))).toHaveLength(1);
	});

	it('takes every field of the ticket', () => {
		const full = {
			...create,
			description: 'line\n\ttwo',
			environment: 'staging',
			requiredConsent: ['marketing', 'measurement'],
			enabled: false,
			testMode: true,
			createdBy: '018f0000-0000-7000-8000-00000000000b',
		};
		expect(validateCreate(full)).toMatchObject({ ...full, settings: {} });
	});

	it('trims the name, drops duplicate purposes, and writes UUIDs as Postgres does', () => {
		expect(
			validateCreate({
				...create,
				organizationId: create.organizationId.toUpperCase(),
				name: '  EU project ',
				requiredConsent: ['marketing', 'necessary', 'marketing'],
			}),
		).toMatchObject({
			organizationId: create.organizationId,
			name: 'EU project',
			requiredConsent: ['marketing', 'necessary'],
		});
	});

	it('reports everything at once, without a value', () => {
		const secret = 'phx_secret';
		const issues = issuesOf(() =>
			validateCreate({
				organizationId: secret,
				type: 'posthog',
				name: '',
				description: 5,
				environment: secret,
				requiredConsent: ['marketing', secret],
				enabled: secret,
				createdBy: secret,
				id: '1',
				settings: { apiKey: secret },
			}),
		);
		expect(issues.map((issue) => issue.split(':')[0])).toEqual(
			expect.arrayContaining([
				'organizationId',
				'name',
				'description',
				'environment',
				'requiredConsent.1',
				'enabled',
				'createdBy',
				'',
				'settings.apiKey',
			]),
		);
		expect(issues.join()).not.toContain('secret');
		expect(issues.join()).toContain('unknown field "id"; allowed are organizationId, type');
	});

	it.each([
		['name', 'x'.repeat(256)],
		['name', '   '],
		['name', 'a\u0000b'],
		['name', 'a\nb'],
		['name', '\ud800'],
		['description', 'a\u0000b'],
		['description', '\udc00'],
		['description', 'x'.repeat(5001)],
		['environment', 'test'],
		['requiredConsent', 'marketing'],
		['requiredConsent', { length: 1 }],
		['requiredConsent', new Array(1e9)],
		['organizationId', 'not a uuid'],
		['type', 'segment'],
		['settings', null],
		['settings', undefined],
	])('refuses %s', (field, value) => {
		const issues = issuesOf(() => validateCreate({ ...create, [field]: value }));
		expect(issues).toEqual([expect.stringMatching(new RegExp(`^${field}:`))]);
	});

	it('counts characters as Postgres does', () => {
		expect(validateCreate({ ...create, name: '😀'.repeat(255) }).name).toHaveLength(510);
		expect(issuesOf(() => validateCreate({ ...create, name: '😀'.repeat(256) }))).toHaveLength(1);
	});

	it.each([null, undefined, 1, 'x', [], () => {}])('refuses %p as input', (input) => {
		expect(issuesOf(() => validateCreate(input))).toEqual([expect.stringContaining('the input')]);
	});
});

describe('validateUpdate', () => {
	it('takes any part, and gives complete settings when there are any', () => {
		expect(validateUpdate('posthog', {})).toEqual({});
		expect(validateUpdate('posthog', { enabled: false, description: null })).toEqual({
			enabled: false,
			description: null,
		});
		expect(validateUpdate('posthog', { settings: { apiKey: 'phc_b' } })).toMatchObject({
			settings: { apiKey: 'phc_b', enableClientSide: true },
		});
	});

	it('names fields that never change, and fields that do not exist', () => {
		expect(
			issuesOf(() => validateUpdate('posthog', { type: 'console', version: 2, colour: 1 })),
		).toEqual([
			'type: cannot be changed by an update',
			'version: cannot be changed by an update',
			expect.stringContaining(': unknown field "colour"'),
		]);
	});

	it('goes by the schema of the type', () => {
		expect(issuesOf(() => validateUpdate('console', { settings: { apiKey: 'phc_a' } }))).toEqual([
			expect.stringContaining('settings: unknown field "apiKey"; allowed are logLevel'),
		]);
		expect(issuesOf(() => validateUpdate('segment' as never, {}))).toEqual([
			expect.stringContaining('type: must be one of'),
		]);
	});
});

describe('hostile values', () => {
	const throwing = new Proxy(
		{},
		{
			ownKeys() {
				throw new Error('phx_secret');
			},
		},
	);
	const cycle: Record<string, unknown> = { apiKey: 'phc_a' };
	cycle.host = cycle;
	let deep: unknown = 'phc_a';
	for (let i = 0; i < 100_000; i += 1) {
		deep = { deep };
	}
	class Settings {
		apiKey = 'phc_a';
	}
	const getter = {
		get apiKey(): string {
			throw new Error('phx_secret');
		},
	};
	const revoked = Proxy.revocable({}, {});
	revoked.revoke();
	const many = Object.fromEntries(Array.from({ length: 51 }, (_, i) => [`field${i}`, i]));

	it.each([
		['a class instance', new Settings()],
		['a Map', new Map([['apiKey', 'phc_a']])],
		['a Date', new Date()],
		['an array', ['phc_a']],
		['a function', () => 'phc_a'],
		['a getter', getter],
		['a symbol key', { apiKey: 'phc_a', [Symbol('x')]: 1 }],
		['an own __proto__', JSON.parse('{"apiKey":"phc_a","__proto__":{}}')],
		['a Proxy that throws', throwing],
		['a revoked Proxy', revoked.proxy],
		['a Proxy inside', { apiKey: revoked.proxy }],
		['a throwing Proxy inside', { apiKey: throwing }],
		['a cycle', cycle],
		['great depth', { apiKey: deep }],
		['51 fields', many],
		['a bigint', { apiKey: 1n }],
		['a symbol', { apiKey: Symbol('phx_secret') }],
		['a boxed string', { apiKey: new String('phc_a') }],
		['a NUL', { apiKey: 'phc_\u0000' }],
		['a lone surrogate', { apiKey: 'phc_\ud800' }],
		['ten megabytes', { apiKey: `phc_${'a'.repeat(1e7)}` }],
	])('are refused with VALIDATION: %s', (_name, settings) => {
		for (const run of [
			() => validateSettings('posthog', settings),
			() => validateCreate({ ...create, settings }),
			() => validateUpdate('posthog', { settings }),
		]) {
			const issues = issuesOf(run);
			expect(issues.length).toBeGreaterThan(0);
			expect(issues.join()).toMatch(/^settings/);
			expect(issues.join()).not.toContain('secret');
		}
	});

	it('are not looked through when there are very many', () => {
		expect(issuesOf(() => validateSettings('posthog', many))).toEqual([
			'settings: must not have more than 50 fields',
		]);
	});

	it('cannot show one value to the validation and keep another', () => {
		let reads = 0;
		const settings = new Proxy(
			{ apiKey: 'phc_a' },
			{
				getOwnPropertyDescriptor(target, key) {
					reads += 1;
					const value = reads === 1 ? 'phc_a' : 'phx_secret';
					return { ...Reflect.getOwnPropertyDescriptor(target, key), value };
				},
			},
		);
		expect(validateSettings('posthog', settings).apiKey).toBe('phc_a');
		expect(reads).toBe(1);
	});

	it('do not include plain objects without a prototype, or of another realm', () => {
		const bare = Object.assign(Object.create(null), { apiKey: 'phc_a' });
		expect(validateSettings('posthog', bare).apiKey).toBe('phc_a');
		const foreign = runInNewContext('({ apiKey: "phc_a" })');
		expect(validateSettings('posthog', foreign).apiKey).toBe('phc_a');
	});

	it('do not reach any prototype', () => {
		const settings = JSON.parse('{"constructor":{"prototype":{"x":1}},"apiKey":"phc_a"}');
		expect(issuesOf(() => validateSettings('posthog', settings))).toEqual([
			expect.stringContaining('unknown field "constructor"'),
		]);
		expect('x' in {}).toBe(false);
	});
});
