import { uuidv7 } from '../../src/ids/uuidv7.ts';
import { newContext, newEncryption } from '../support/encryption.ts';

const encryption = newEncryption();
const envelopes = 30_000;

it('no nonce comes twice, and no byte of one comes more often than another', async () => {
	const context = newContext();
	const nonces = new Set<string>();
	/** How often each byte value came at each place. */
	const places = Array.from({ length: 12 }, () => new Uint32Array(256));
	for (let count = 0; count < envelopes; count += 1) {
		const { iv } = await encryption.encrypt({}, context);
		nonces.add(iv);
		const nonce = Buffer.from(iv, 'base64url');
		for (const [place, values] of places.entries()) {
			const byte = nonce[place] ?? 0;
			values[byte] = (values[byte] ?? 0) + 1;
		}
	}
	expect(nonces.size).toBe(envelopes);
	// Each value comes 117 times at each place, give or take eight standard deviations of 11.
	for (const values of places) {
		expect(Math.min(...values)).toBeGreaterThan(117 - 88);
		expect(Math.max(...values)).toBeLessThan(117 + 88);
	}
});

it('the same settings sealed twice have nothing in common but the key', async () => {
	const context = newContext();
	const settings = { apiKey: 'phc_example' };
	const [one, two] = [
		await encryption.encrypt(settings, context),
		await encryption.encrypt(settings, context),
	];
	expect(one).toMatchObject({ v: two.v, alg: two.alg, kid: two.kid, kc: two.kc });
	expect(one.iv).not.toBe(two.iv);
	const [first, second] = [Buffer.from(one.ct, 'base64url'), Buffer.from(two.ct, 'base64url')];
	expect(first.length).toBe(second.length);
	let same = 0;
	for (const [place, byte] of first.entries()) if (byte === second[place]) same += 1;
	expect(same).toBeLessThan(first.length / 4);
});

it('the ids of new rows are version 7, come in order of time, and never twice', () => {
	const ids = Array.from({ length: 20_000 }, () => uuidv7());
	expect(new Set(ids).size).toBe(ids.length);
	const times = ids.map((id) => Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16));
	expect(times).toEqual([...times].sort((a, b) => a - b));
	expect(Math.abs((times[0] ?? 0) - Date.now())).toBeLessThan(60_000);
	const version7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
	expect(ids.filter((id) => !version7.test(id))).toEqual([]);
	expect(new Set(ids.map((id) => id.charAt(19))).size).toBe(4);
});
