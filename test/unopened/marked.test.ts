import { inspect } from 'node:util';
import { markUnopened, markUnopenedUntilUse } from '../../src/destinations/unopened.ts';
import { settingsFromJson } from '../../src/encryption/canonical-json.ts';
import {
	type DestinationsError,
	redact,
	settingsError,
	toClientConfig,
	UnknownKeyError,
	type UnopenedDestination,
} from '../../src/index.ts';
import { destinationOf, samples } from '../destinations/support/samples.ts';

const error = new UnknownKeyError('no such key', { destinationId: 'd', organizationId: 'o' });

function marked(
	by: (row: ReturnType<typeof opened>, reason: DestinationsError) => void,
	changes = {},
) {
	const row = opened(changes);
	by(row, error);
	return row;
}

function opened(changes = {}) {
	return destinationOf('posthog', samples.posthog, changes);
}

describe.each([
	['at once', markUnopened],
	['when they are used', markUnopenedUntilUse],
])('settings that do not open throw %s', (when, by) => {
	test('whatever is done with them', () => {
		const row = marked(by);
		const uses: ((settings: typeof row.settings) => unknown)[] = [
			(settings) => settings.enableServerSide,
			(settings) => 'apiKey' in settings,
			(settings) => ({ ...settings }),
			(settings) => Object.keys(settings),
			(settings) => JSON.stringify(settings),
			(settings) => Object.assign(settings, { apiKey: 'x' }),
			(settings) => `${settings}`,
		];
		for (const use of uses) expect(() => use(row.settings)).toThrow(error);
		expect(() => JSON.stringify(row)).toThrow(error);
		expect(() => JSON.stringify({ ...row })).toThrow(error);
		expect(() => structuredClone(row)).toThrow();
		if (when === 'at once') {
			expect(() => row.settings).toThrow(error);
			expect(() => ({ ...row })).toThrow(error);
		}
	});

	test('but printing the row does not, nor does it show anything', () => {
		const shown = inspect(marked(by), { depth: 9, showHidden: true });
		expect(shown).toContain("name: 'Main'");
		expect(shown).toMatch(/settings: (\[Getter\]|UnopenedSettings \{\})/);
		expect(() => inspect(marked(by), { getters: true, showProxy: true })).not.toThrow();
		expect(inspect(marked(by), { getters: true, depth: 9 })).not.toContain(samples.posthog.apiKey);
	});

	test('the reason is asked for without throwing', () => {
		expect(settingsError(marked(by))).toBe(error);
		expect(settingsError(opened())).toBeUndefined();
		expect(settingsError({ settings: null })).toBeUndefined();
	});

	test('redact() names it', () => {
		const { settings: _, ...others } = opened();
		expect(redact(marked(by))).toEqual({
			...others,
			settings: null,
			settingsError: 'UNKNOWN_KEY',
		});
		expect(redact(opened())).not.toHaveProperty('settingsError');
	});

	test('toClientConfig() throws it for a destination that a browser would load', () => {
		expect(() => toClientConfig(marked(by))).toThrow(error);
		expect(toClientConfig(marked(by, { enabled: false }))).toBeNull();
		expect(toClientConfig(marked(by, { deletedAt: new Date() }))).toBeNull();
		const { settings: _, ...others } = opened();
		const asData: UnopenedDestination = { ...others, settings: null, settingsError: error };
		expect(() => toClientConfig(asData as never)).toThrow(error);
	});
});

test('an error of opening says whose settings they are, in its JSON too', () => {
	const row = { destinationId: 'd', organizationId: 'o' };
	expect(error).toMatchObject(row);
	expect(JSON.parse(JSON.stringify(error))).toEqual({
		name: 'UnknownKeyError',
		code: 'UNKNOWN_KEY',
		message: 'no such key',
		...row,
	});
	// Others do not mention it.
	expect(Object.keys(new UnknownKeyError('x'))).not.toContain('destinationId');
	expect(Object.keys(new UnknownKeyError('x').toJSON())).toEqual(['name', 'code', 'message']);
});

test.each(['[1]', '1', 'null', '"x"', '', '{"apiKey":"phc_secret"', 'phc_secret'])(
	'what was sealed and is no settings is not taken for some: %s',
	(json) => expect(settingsFromJson(json)).toBeUndefined(),
);
