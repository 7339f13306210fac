import { randomBytes, randomUUID } from 'node:crypto';
import type { ReadRow } from '../../src/encryption/open-row.ts';
import { SeenRows } from '../../src/encryption/seen-rows.ts';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';

const ring = `one:${randomBytes(32).toString('hex')}`;
const encryption = new SettingsEncryption(ring);
const settings = { apiKey: 'phc_x', host: 'https://eu.i.posthog.com' };
const opened = { ...settings, enableServerSide: true, enableClientSide: true };

/** Notes whether it is asked, and does what a test says. */
class Asked extends SettingsEncryption {
	asked = false;
	readonly #then: () => undefined;

	constructor(then: () => undefined = () => undefined) {
		super(ring);
		this.#then = then;
	}

	override tryOpen(): undefined {
		this.asked = true;
		return this.#then();
	}
}

/** A row as it is stored, sealed by the key. */
async function row(changes: Partial<ReadRow> = {}, by = encryption) {
	const identity = { id: randomUUID(), organizationId: randomUUID(), type: 'posthog' };
	const { id: destinationId, ...context } = identity;
	return {
		...identity,
		...{ environment: 'staging', version: 3, name: 'not needed' },
		settings: await by.encrypt(settings, { ...context, destinationId }),
		settingsEncrypted: true,
		...changes,
	};
}

type Row = Awaited<ReturnType<typeof row>>;

const seen = (...rows: Partial<Row>[]) => {
	const made = new SeenRows();
	for (const each of rows) made.note(each as ReadRow);
	return made;
};

test('what was seen is opened with all that an update needs', async () => {
	const made = await row();
	const { id, organizationId } = made;
	const expected = { id, organizationId, type: 'posthog', environment: 'staging', version: 3 };
	for (const organization of [organizationId, undefined]) {
		expect(seen(made).open(id, organization, encryption)).toEqual({
			...expected,
			settings: opened,
		});
	}
});

test('what was not seen, and what belongs to another organization, is not there', async () => {
	const made = await row();
	expect(seen(made).open(randomUUID(), made.organizationId, encryption)).toBeUndefined();
	expect(seen(made).open(made.id, randomUUID(), encryption)).toBeUndefined();
	expect(seen().open(made.id, undefined, encryption)).toBeUndefined();
});

test('the last version counts, and one that is not kept takes the place of none', async () => {
	const made = await row();
	const later = { ...made, version: 4 };
	expect(seen(made, later).open(made.id, undefined, encryption)?.version).toBe(4);
	for (const changes of [
		{ settingsEncrypted: false },
		{ settings: { ...(made.settings as object), ct: 'a'.repeat(2001) } },
		{ settings: { ...(made.settings as object), ct: 5 } },
		{ settings: {} },
	]) {
		const unkept = { ...later, ...changes } as Row;
		expect(seen(made, unkept).open(made.id, undefined, encryption)).toBeUndefined();
	}
});

test.each(['id', 'settings', 'environment', 'version'] as const)(
	'a row of which %s was not selected is none',
	async (name) => {
		const made = await row();
		const { [name]: _, ...others } = made;
		expect(seen(made, others).open(made.id, undefined, encryption)?.version).toBe(3);
		expect(seen(others).open(made.id, undefined, encryption)).toBeUndefined();
	},
);

test('nothing is not a row', () => {
	expect(seen({}).open(undefined as never, undefined, encryption)).toBeUndefined();
});

test('a ciphertext is kept up to its bound', async () => {
	const made = await row();
	const long = { ...(made.settings as object), ct: 'a'.repeat(2000) };
	for (const [ct, isKept] of [
		[long.ct, true],
		[`${long.ct}a`, false],
	] as const) {
		const asking = new Asked();
		seen({ ...made, settings: { ...long, ct } } as Row).open(made.id, undefined, asking);
		expect(asking.asked).toBe(isKept);
	}
});

test('settings that do not open with what is at hand are not there', async () => {
	const made = await row();
	const other = new SettingsEncryption(`other:${randomBytes(32).toString('hex')}`);
	const away = new SettingsEncryption({
		cacheSeconds: 60,
		primaryKeyId: async () => 'one',
		getKey: () => Promise.reject(new Error('away')),
	});
	for (const by of [other, away]) {
		expect(seen(made).open(made.id, undefined, by)).toBeUndefined();
	}
	const moved = { ...made, id: randomUUID() };
	expect(seen(moved).open(moved.id, undefined, encryption)).toBeUndefined();
});

test('a fault of the package itself is not taken for that', async () => {
	const made = await row();
	const faulty = new Asked(() => {
		throw new TypeError('fault');
	});
	expect(() => seen(made).open(made.id, undefined, faulty)).toThrow(TypeError);
});

test('of more than five thousand rows, the one that was seen longest ago is forgotten', async () => {
	const made = await row();
	const named = (at: number) => ({ ...made, id: `row ${at}` });
	const rows = seen();
	const isThere = (at: number) => {
		const asking = new Asked();
		rows.open(`row ${at}`, undefined, asking);
		return asking.asked;
	};
	for (let at = 0; at < 5000; at += 1) rows.note(named(at));
	expect([isThere(0), isThere(4999)]).toEqual([true, true]);
	rows.note(named(0));
	rows.note(named(5000));
	expect([isThere(0), isThere(1), isThere(2), isThere(5000)]).toEqual([true, false, true, true]);
});
