import { settingsFromJson, settingsToJson } from '../../src/encryption/canonical-json.ts';

/** Objects in each other, this many. */
function nested(levels: number): object {
	let value: object = {};
	for (let level = 1; level < levels; level += 1) value = { value };
	return value;
}

function ofBytes(bytes: number): object {
	return { text: 'x'.repeat(bytes - '{"text":""}'.length) };
}

it('takes settings of 64 KiB of JSON, and of not one byte more', () => {
	expect(Buffer.byteLength(settingsToJson(ofBytes(65_536)))).toBe(65_536);
	for (const bytes of [65_537, 65_600, 1_000_000]) {
		expect(() => settingsToJson(ofBytes(bytes))).toThrow(/65536 bytes/);
	}
	// In bytes, not in characters.
	expect(() => settingsToJson({ text: 'é'.repeat(40_000) })).toThrow(/65536 bytes/);
});

it('takes objects of 32 levels, and of not one more', () => {
	expect(JSON.parse(settingsToJson(nested(32)))).toEqual(nested(32));
	expect(() => settingsToJson(nested(33))).toThrow(/32 levels/);
});

it('reads no more of settings that are too large than it could take', () => {
	const list = new Proxy(Object.assign([], { length: 10_000_000 }), {
		get(target, name, receiver) {
			if (name === 'length' || typeof name === 'symbol') return Reflect.get(target, name, receiver);
			if (Number(name) > 65_536) throw new Error('read too far');
			return 0;
		},
	});
	expect(() => settingsToJson({ list })).toThrow(/65536 bytes/);
});

it('reads what it wrote, and nothing else', () => {
	const settings = { a: [1, 'é', null, [true], { b: false }], c: { d: {} }, e: '', f: 0, g: -1.5 };
	expect(settingsFromJson(settingsToJson(settings))).toEqual(settings);
	for (const text of ['', '{', '[]', '[{}]', '1', 'null', 'true', '"x"', '{}}', "{'a':1}"]) {
		expect(settingsFromJson(text)).toBeUndefined();
	}
});
