import { inspect } from 'node:util';
import { toClientConfig } from '../../src/destinations/client-config.ts';
import { MASK, mask } from '../../src/destinations/mask.ts';
import { redact } from '../../src/destinations/redact.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { validateSettings } from '../../src/destinations/validate.ts';
import { destinationOf, sampleSecrets, samples } from './support/samples.ts';

describe('mask', () => {
	it('shows the last four characters of a long secret, and nothing of a short one', () => {
		expect(mask(`${'x'.repeat(16)}1234`)).toBe(`${MASK}1234`);
		expect(mask(`${'x'.repeat(15)}1234`)).toBe(MASK);
		expect(mask('')).toBe(MASK);
		expect(mask({ nested: 'secret' })).toBe(MASK);
		expect(mask(`${'x'.repeat(20)}a\nb`)).toBe(MASK);
	});
});

describe('redact', () => {
	it('masks secrets and leaves everything else', () => {
		const destination = destinationOf('meta-pixel', samples['meta-pixel']);
		expect(redact(destination)).toEqual({
			...destination,
			settings: { ...destination.settings, accessToken: `${MASK}fXYZ` },
		});
	});

	it.each(destinationTypes)('leaves no secret to inspect or JSON: %s', (type) => {
		const redacted = redact(destinationOf(type, samples[type]));
		const shown = inspect(redacted, { depth: null }) + JSON.stringify(redacted);
		for (const secret of sampleSecrets) {
			expect(shown).not.toContain(secret);
			expect(shown).not.toContain(secret.slice(-5));
		}
	});

	it('does not touch the destination', () => {
		const destination = destinationOf('amplitude', samples.amplitude);
		redact(destination);
		expect(destination.settings).toMatchObject(samples.amplitude);
	});

	it('masks what the type does not declare, and what is nested, whole', () => {
		const settings = JSON.parse(
			'{"apiKey":"phc_a","host":{"secret":"s"},"oldSecret":"0123456789012345678901234","constructor":"s","__proto__":"s"}',
		);
		expect(Object.entries(redact(destinationOf('posthog', settings)).settings ?? {})).toEqual(
			Object.entries({ enableServerSide: true, enableClientSide: true }).concat([
				['apiKey', 'phc_a'],
				['host', MASK],
				['oldSecret', MASK],
				['constructor', MASK],
				['__proto__', MASK],
			] as never),
		);
	});

	it('masks all settings of a type that it does not know', () => {
		for (const type of ['segment', 'toString', '__proto__']) {
			expect(redact({ type, settings: { apiKey: 'x', enabled: true } })).toEqual({
				type,
				settings: { apiKey: MASK, enabled: MASK },
			});
		}
	});

	it.each([null, undefined, 'secret', ['secret']])(
		'shows nothing of settings that are %p',
		(settings) => {
			expect(redact({ type: 'posthog', settings })).toEqual({ type: 'posthog', settings: {} });
		},
	);

	it.each(destinationTypes)('never makes settings that could be stored: %s', (type) => {
		const { settings } = redact(destinationOf(type, samples[type]));
		const masked = Object.values(settings ?? {}).some((value) => String(value).startsWith(MASK));
		if (masked) {
			expect(() => validateSettings(type, settings)).toThrow('is a masked value');
			expect(() => validateSettings(type, settings)).not.toThrow(/must be an? /);
		} else {
			expect(validateSettings(type, settings)).toEqual(settings);
		}
	});
});

describe('toClientConfig', () => {
	it.each([
		['posthog', samples.posthog],
		['meta-pixel', { pixelId: samples['meta-pixel'].pixelId }],
		[
			'google-analytics',
			{
				measurementId: samples['google-analytics'].measurementId,
				enableEnhancedMeasurement: false,
				anonymizeIp: false,
			},
		],
		['console', samples.console],
		['mixpanel', { projectToken: samples.mixpanel.projectToken, dataResidency: 'eu' }],
		['amplitude', { apiKey: samples.amplitude.apiKey, dataResidency: 'eu' }],
	] as const)('holds what a browser may see, and nothing else: %s', (type, settings) => {
		const destination = destinationOf(type, samples[type], { testMode: true });
		expect(toClientConfig(destination)).toEqual({
			type,
			requiredConsent: ['measurement'],
			testMode: true,
			settings,
		});
	});

	it.each([
		['disabled', { enabled: false }, {}],
		['deleted', { deletedAt: new Date() }, {}],
		['not for the client side', {}, { enableClientSide: false }],
		['of an old row without the switch', {}, { enableClientSide: undefined }],
		['switched by something that is no boolean', {}, { enableClientSide: 'true' }],
	])('is null for a destination that is %s', (_name, changes, settings) => {
		expect(
			toClientConfig(destinationOf('posthog', { ...samples.posthog, ...settings }, changes)),
		).toBeNull();
	});

	it('is null for a type that it does not know, and for empty settings', () => {
		expect(toClientConfig(destinationOf('segment' as never, { apiKey: 'x' }))).toBeNull();
		expect(toClientConfig(destinationOf('posthog', {}))).toBeNull();
		expect(toClientConfig(destinationOf('posthog', {}, { settings: null as never }))).toBeNull();
	});

	it('passes on no nested value', () => {
		const config = toClientConfig(
			destinationOf('posthog', { apiKey: 'phc_a', host: { secret: 's' } }),
		);
		expect(config?.settings).toEqual({ apiKey: 'phc_a' });
	});

	it('is a copy', () => {
		const destination = destinationOf('posthog', samples.posthog);
		toClientConfig(destination)?.requiredConsent.push('marketing');
		expect(destination.requiredConsent).toEqual(['measurement']);
	});
});
