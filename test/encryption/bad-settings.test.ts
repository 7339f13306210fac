import fc from 'fast-check';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { codeOf, countingProvider, newContext, newEncryption } from '../support/encryption.ts';

const encryption = newEncryption();
const secret = 's3cr3t-value';

function nested(levels: number): object {
	let value: object = { secret };
	for (let level = 1; level < levels; level += 1)
		value = level % 2 === 0 ? { value } : { list: [value] };
	return value;
}

function cyclic(): object {
	const settings: Record<string, unknown> = { secret };
	settings.deep = { list: [{ settings }] };
	return settings;
}

const bad: [string, () => unknown, RegExp][] = [
	['nothing', () => undefined, /^settings: must be an object$/],
	['null', () => null, /must be an object/],
	['a text', () => secret, /must be an object/],
	['a list', () => [{ secret }], /must be an object/],
	['a map', () => new Map([['secret', secret]]), /must be an object/],
	['an instance of a class', () => new (class Settings {})(), /must be an object/],
	['a date', () => new Date(0), /must be an object/],
	[
		'__proto__ as JSON gives it',
		() => JSON.parse(`{"__proto__":{"a":"${secret}"}}`),
		/^settings: must not have a member called __proto__$/,
	],
	['__proto__ deeper', () => ({ a: JSON.parse('[{"__proto__":1}]') }), /^settings\.a\.0: must not/],
	['a lone surrogate', () => ({ a: `${secret}\ud83d` }), /^settings\.a: must not contain half/],
	[
		'half a pair, the other way',
		() => ({ a: [`\ude00${secret}`] }),
		/^settings\.a\.0: must not contain half/,
	],
	['a lone surrogate in a name', () => ({ '\ud83d': secret }), /must not contain half/],
	[
		'U+0000',
		() => ({ a: { b: `${secret}\u0000` } }),
		/^settings\.a\.b: must not contain the character U\+0000$/,
	],
	['U+0000 in a name', () => ({ '\u0000': secret }), /U\+0000/],
	['itself inside', cyclic, /^settings\.deep\.list\.0\.settings: must not contain itself$/],
	['more than 32 levels', () => nested(40), /nested more than 32 levels deep/],
	['a million levels', () => nested(1_000_000), /nested more than 32 levels deep/],
	['NaN', () => ({ a: Number.NaN }), /^settings\.a: must be a finite number$/],
	['an infinite number', () => ({ a: Number.NEGATIVE_INFINITY }), /finite/],
	['a bigint', () => ({ a: 1n }), /must be plain JSON, not bigint/],
	['a function', () => ({ a: () => secret }), /not function/],
	['a symbol', () => ({ a: Symbol(secret) }), /not symbol/],
	['a date inside', () => ({ a: new Date(0) }), /not an instance of a class/],
	['a map inside', () => ({ a: new Map() }), /not an instance of a class/],
	['bytes', () => ({ a: Buffer.from(secret) }), /not an instance of a class/],
	['a text that is an object', () => ({ a: new String(secret) }), /not an instance of a class/],
	['an error', () => ({ a: new Error(secret) }), /not an instance of a class/],
	['a promise', () => ({ a: Promise.resolve(secret) }), /not an instance of a class/],
	[
		'a hole in a list',
		() => ({ a: [1].concat(new Array(1), 2) }),
		/^settings\.a\.1: must be plain JSON, not undefined$/,
	],
	['undefined in a list', () => ({ a: [undefined] }), /not undefined/],
	['a list of a million holes', () => ({ a: new Array(1_000_000) }), /not undefined/],
	[
		'a toJSON of its own',
		() => ({ a: { toJSON: () => secret } }),
		/^settings\.a\.toJSON: .*not function$/,
	],
	[
		'more than 64 KiB in one text',
		() => ({ a: 'a'.repeat(65_600) }),
		/^settings: must not exceed 65536 bytes of JSON$/,
	],
	['more than 64 KiB of two-byte characters', () => ({ a: 'é'.repeat(33_000) }), /must not exceed/],
	['more than 64 KiB of escapes', () => ({ a: '"'.repeat(33_000) }), /must not exceed/],
	[
		'more than 64 KiB of names',
		() => Object.fromEntries(Array.from({ length: 9_000 }, (_, i) => [`n${i}`, 1])),
		/must not exceed/,
	],
	[
		'more than 64 KiB of small values',
		() => ({ a: Array.from({ length: 70_000 }, () => 1) }),
		/must not exceed/,
	],
	['a text of 10 MB', () => ({ a: 'a'.repeat(10_000_000) }), /must not exceed/],
	[
		'an envelope',
		() => ({ v: 1, alg: 'A256GCM', kid: 'a', kc: 'b', iv: 'c', ct: secret }),
		/^settings: are encrypted already/,
	],
	[
		'an envelope beside others',
		() => ({ v: 0, alg: 0, kid: 0, kc: 0, iv: 0, ct: 0, more: secret }),
		/encrypted already/,
	],
];

it.each(bad)(
	'settings with %s are refused, with the place and without the value',
	async (_, make, message) => {
		const error = await encryption
			.encrypt(make(), newContext())
			.catch((refusal: unknown) => refusal);
		expect(error).toMatchObject({ code: 'VALIDATION', issues: [expect.anything()] });
		const text = `${(error as Error).message}\n${JSON.stringify(error)}`;
		expect((error as Error).message).toMatch(message);
		expect(text).not.toContain(secret);
	},
);

it('settings are looked at before any key is asked for', async () => {
	const { provider, asked, chosen } = countingProvider();
	const own = new SettingsEncryption(provider);
	for (const [, make] of bad) {
		expect(await codeOf(own.encrypt(make(), newContext()))).toBe('VALIDATION');
	}
	expect([...asked, ...chosen]).toEqual([]);
});

it.each<[string, () => unknown, unknown]>([
	[
		'a getter',
		() => ({
			get a() {
				return 1;
			},
		}),
		{ a: 1 },
	],
	[
		'members that are undefined',
		() => ({ a: 1, b: undefined, c: { d: undefined } }),
		{ a: 1, c: {} },
	],
	['no prototype', () => Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
	[
		'the same object twice',
		() => {
			const one = { x: 1 };
			return { a: one, b: [one, one] };
		},
		{ a: { x: 1 }, b: [{ x: 1 }, { x: 1 }] },
	],
	[
		'names of what every object has',
		() => ({ constructor: 1, toString: 'x', hasOwnProperty: null }),
		{ constructor: 1, toString: 'x', hasOwnProperty: null },
	],
	['pairs of surrogates', () => ({ '😀': '😀' }), { '😀': '😀' }],
	[
		'some members of an envelope',
		() => ({ v: 1, alg: 'x', kid: 'x', kc: 'x', iv: 'x' }),
		{ v: 1, alg: 'x', kid: 'x', kc: 'x', iv: 'x' },
	],
	[
		'an envelope deeper',
		() => ({ a: { v: 1, alg: 'x', kid: 'x', kc: 'x', iv: 'x', ct: 'x' } }),
		{ a: { v: 1, alg: 'x', kid: 'x', kc: 'x', iv: 'x', ct: 'x' } },
	],
	['32 levels', () => nested(21), nested(21)],
	['nothing in them', () => ({}), {}],
])('settings with %s are taken', async (_, make, expected) => {
	const context = newContext();
	const envelope = await encryption.encrypt(make(), context);
	expect(await encryption.decrypt(envelope, context)).toEqual(expected);
});

it('a value that changes while it is read is sealed as it was checked', async () => {
	const context = newContext();
	let reads = 0;
	const sly = {
		get a() {
			reads += 1;
			return reads === 1 ? 'checked' : '\u0000';
		},
	};
	const envelope = await encryption.encrypt(sly, context);
	expect(await encryption.decrypt(envelope, context)).toEqual({ a: 'checked' });
	expect(reads).toBe(1);
});

it('settings are not changed', async () => {
	const settings = Object.freeze({ a: Object.freeze([1, Object.freeze({ b: undefined })]) });
	await encryption.encrypt(settings, newContext());
	expect(settings).toEqual({ a: [1, {}] });
});

it('whatever comes is sealed as it is or refused as settings that are not valid', async () => {
	await fc.assert(
		fc.asyncProperty(
			fc.anything({
				withNullPrototype: true,
				withBigInt: true,
				withDate: true,
				withMap: true,
				withSparseArray: true,
				withTypedArray: true,
			}),
			async (value) => {
				const context = newContext();
				const result = await encryption.encrypt(value, context).catch((error: unknown) => error);
				if (result instanceof Error) {
					expect(result).toMatchObject({ code: 'VALIDATION' });
					return;
				}
				const opened = await encryption.decrypt(result, context);
				expect(JSON.stringify(opened)).toBe(JSON.stringify(value));
			},
		),
		{ numRuns: 1000 },
	);
});
