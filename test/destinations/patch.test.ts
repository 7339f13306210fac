import { mask } from '../../src/destinations/mask.ts';
import { patchedSettings, patchMembers } from '../../src/destinations/patch.ts';
import { type DestinationType, destinationTypes } from '../../src/destinations/registry.ts';
import { validateSettings } from '../../src/destinations/validate.ts';
import { ValidationError } from '../../src/errors.ts';
import { destinationOf, samples } from './support/samples.ts';

function patched(
	type: DestinationType,
	stored: object,
	patch: Record<string, unknown>,
	{ keepMasked = false, environment = 'production' as const } = {},
) {
	const destination = destinationOf(type, stored, { environment });
	return patchedSettings(destination, patchMembers(patch), { keepMasked });
}

function issuesOf(run: () => unknown) {
	try {
		run();
		return [];
	} catch (error) {
		if (!(error instanceof ValidationError)) throw error;
		return error.issues.map(({ path, code }) => `${path.join('.')} ${code}`);
	}
}

it.each(destinationTypes)('changes nothing that it does not name: %s', (type) => {
	const whole = validateSettings(type, samples[type]);
	expect(patched(type, whole, {})).toEqual(whole);
	expect(patched(type, whole, { enableClientSide: false })).toEqual({
		...whole,
		enableClientSide: false,
	});
});

it('takes a setting away by null and by empty text', () => {
	for (const none of [null, '', ' ']) {
		const settings = patched('meta-pixel', samples['meta-pixel'], { testEventCode: none });
		expect(settings).not.toHaveProperty('testEventCode');
	}
	const { posthog } = samples;
	expect(
		patched('posthog', { ...posthog, host: 'https://us.i.posthog.com' }, { host: '' }),
	).toEqual({
		...validateSettings('posthog', { apiKey: posthog.apiKey }),
	});
	expect(issuesOf(() => patched('posthog', posthog, { apiKey: null }))).toEqual([
		'settings.apiKey required',
	]);
});

describe('on settings of looser rules', () => {
	// A key without prefix, an API version that ended, and a field that is gone.
	const old = { ...samples['meta-pixel'], apiVersion: 'v19.0', pixelId: 'abc', region: 'eu' };

	it('lets stand what it does not touch', () => {
		expect(patched('meta-pixel', old, { enableClientSide: false })).toEqual({
			...old,
			enableServerSide: true,
			enableClientSide: false,
		});
	});

	it('stores what it changes in the form that is valid today', () => {
		expect(patched('meta-pixel', old, { apiVersion: ' V27.0 ' })).toMatchObject({
			apiVersion: 'v27.0',
			pixelId: 'abc',
		});
		expect(patched('meta-pixel', old, { region: null })).not.toHaveProperty('region');
	});

	it('refuses what it changes to something wrong, even to what is there', () => {
		const refused = (patch: Record<string, unknown>) =>
			issuesOf(() => patched('meta-pixel', old, patch));
		expect(refused({ apiVersion: 'v18.0' })).toEqual(['settings.apiVersion wrong_format']);
		expect(refused({ pixelId: 'abc' })).toEqual(['settings.pixelId wrong_format']);
		expect(refused({ colour: 'red' })).toEqual(['settings unknown_field']);
		expect(refused({ region: 'us' })).toEqual(['settings unknown_field']);
	});

	it('refuses what it makes necessary', () => {
		const { accessToken: _, ...browserOnly } = { ...old, enableServerSide: false };
		expect(issuesOf(() => patched('meta-pixel', browserOnly, { enableServerSide: true }))).toEqual([
			'settings.accessToken required',
		]);
		expect(issuesOf(() => patched('meta-pixel', old, { accessToken: '' }))).toEqual([
			'settings.accessToken required',
		]);
	});
});

describe('of a form', () => {
	it.each(destinationTypes)('keeps each secret whose mask comes back: %s', (type) => {
		const whole = validateSettings(type, samples[type]);
		const shown = Object.fromEntries(
			Object.entries(whole).map(([name, value]) => [
				name,
				secretNames.has(name) ? mask(value) : value,
			]),
		);
		expect(patched(type, whole, shown, { keepMasked: true })).toEqual(whole);
		const masked = Object.keys(shown).filter((name) => secretNames.has(name));
		// Without the word of the caller a mask is refused, as ever.
		expect(issuesOf(() => patched(type, whole, shown))).toEqual(
			masked.map((name) => `settings.${name} masked`),
		);
	});

	it('refuses a mask of something else', () => {
		const stored = samples['meta-pixel'];
		for (const other of [mask('short'), `${mask(stored.accessToken)}x`, mask('x'.repeat(40))]) {
			const patch = { accessToken: other };
			expect(issuesOf(() => patched('meta-pixel', stored, patch, { keepMasked: true }))).toEqual([
				'settings.accessToken masked',
			]);
		}
		// Nothing else is ever masked.
		const patch = { pixelId: mask(stored.pixelId) };
		expect(issuesOf(() => patched('meta-pixel', stored, patch, { keepMasked: true }))).toEqual([
			'settings.pixelId masked',
		]);
	});
});

const secretNames = new Set(['accessToken', 'apiSecret', 'serviceAccountSecret', 'secretKey']);

it('may lead to a local network in development alone', () => {
	const patch = { host: 'http://localhost:8000' };
	expect(issuesOf(() => patched('posthog', samples.posthog, patch))).toEqual([
		'settings.host development_only',
	]);
	const destination = destinationOf('posthog', samples.posthog, { environment: 'development' });
	expect(patchedSettings(destination, patch, { keepMasked: false })).toMatchObject(patch);
});

it.each([null, 5, [], 'x', new Map()])('refuses %j as a patch', (patch) => {
	expect(issuesOf(() => patched('posthog', samples.posthog, patch as never))).toHaveLength(1);
});
