import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { openStored, storedForm } from '../../src/encryption/stored-settings.ts';
import { changed, codeOf, countingProvider, newContext } from '../support/encryption.ts';

const settings = { apiKey: 'phc_example' };
/** What counts where the settings say nothing. */
const presets = {
	host: 'https://eu.i.posthog.com',
	enableServerSide: true,
	enableClientSide: true,
};
const { provider } = countingProvider();
const context = newContext();

function open(stored: unknown, encrypted: boolean, reader = new SettingsEncryption(provider)) {
	return Promise.resolve().then(() => openStored(reader, stored, encrypted, context));
}

it('opens what is sealed, at once where the key is at hand', async () => {
	const writer = new SettingsEncryption(provider);
	const envelope = await writer.encrypt(settings, context);
	expect(openStored(writer, envelope, true, context)).toEqual({ ...settings, ...presets });
	const opened = openStored(new SettingsEncryption(provider), envelope, true, context);
	expect(opened).toBeInstanceOf(Promise);
	expect(await opened).toEqual({ ...settings, ...presets });
	const altered = changed(envelope, { ct: `${envelope.ct}A` });
	expect(() => openStored(writer, altered, true, context)).toThrow(/did not decrypt/);
});

it('returns the empty settings that the column has by default, and looks for no key', () => {
	expect(storedForm({}, true)).toBe('empty');
	expect(openStored(new SettingsEncryption(provider), {}, true, context)).toEqual({});
});

it.each([null, undefined, 5, 0, '', 'x', true, [], [{}], settings])(
	'does not take %j for empty settings, nor for sealed ones that open',
	async (stored) => {
		expect(storedForm(stored, true)).toBe('sealed');
		expect(await codeOf(open(stored, true))).toBe('DECRYPTION_FAILED');
	},
);

it('goes by the column that says so, not by what settings look like', async () => {
	const envelope = await new SettingsEncryption(provider).encrypt(settings, context);
	for (const stored of [settings, {}, envelope]) {
		expect(storedForm(stored, false)).toBe('plaintext');
		await expect(open(stored, false)).rejects.toMatchObject({
			code: 'DECRYPTION_FAILED',
			message: `The settings of destination ${context.destinationId} are marked as not encrypted, and this client reads encrypted ones only.`,
			destinationId: context.destinationId,
			organizationId: context.organizationId,
		});
		const migrating = new SettingsEncryption(provider, 'allow-read');
		expect(await open(stored, false, migrating)).toEqual({ ...presets, ...stored });
		// A permission to read what is marked as plaintext opens nothing else.
		expect(await codeOf(open(settings, true, migrating))).toBe('DECRYPTION_FAILED');
	}
});

it('lets what a tenant chose stand, and knows no presets of a type that it does not know', async () => {
	const writer = new SettingsEncryption(provider);
	const chosen = { ...settings, host: 'https://us.i.posthog.com', enableClientSide: false };
	const open = async (given: object, type: string) => {
		const of = { ...context, type };
		return openStored(writer, await writer.encrypt(given, of), true, of);
	};
	expect(await open(chosen, 'posthog')).toEqual({ ...presets, ...chosen });
	for (const type of ['segment', 'constructor', '__proto__']) {
		expect(await open(settings, type)).toEqual(settings);
	}
});
