import {
	type DestinationType,
	destinationTypes,
	isDestinationType,
	settingsSchemas,
} from '../../src/destinations/registry.ts';
import { validateSettings } from '../../src/destinations/validate.ts';
import { ValidationError } from '../../src/errors.ts';
import { samples } from './support/samples.ts';

const sides = { enableServerSide: true, enableClientSide: true };

/** `path: message` of each issue. */
function issuesOf(type: DestinationType, settings: unknown): string[] {
	try {
		validateSettings(type, settings);
		return [];
	} catch (error) {
		if (!(error instanceof ValidationError)) {
			throw error;
		}
		return error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
	}
}

const refused = (type: DestinationType, settings: object, message: string) =>
	expect(issuesOf(type, settings)).toEqual([expect.stringContaining(message)]);

describe('every type', () => {
	it.each(destinationTypes)('takes complete settings: %s', (type) => {
		expect(validateSettings(type, samples[type])).toEqual({ ...sides, ...samples[type] });
	});

	it.each(destinationTypes)('can be switched off on either side: %s', (type) => {
		const off = { ...samples[type], enableServerSide: false, enableClientSide: false };
		expect(validateSettings(type, off)).toEqual(off);
	});

	it.each(destinationTypes)('refuses an unknown field by name, and lists the known: %s', (type) => {
		refused(type, { ...samples[type], colour: 'red' }, 'settings: unknown field "colour"; allowed');
	});

	it.each(destinationTypes)('refuses switches that are no booleans: %s', (type) => {
		refused(
			type,
			{ ...samples[type], enableServerSide: 'yes' },
			'settings.enableServerSide: must be true or false',
		);
	});

	it('says that a required field is missing', () => {
		expect(issuesOf('meta-pixel', {})).toEqual([
			'settings.pixelId: is required',
			'settings.accessToken: is required while enableServerSide is on',
		]);
	});

	it('takes empty text and null for none, as forms send them', () => {
		for (const type of destinationTypes) {
			for (const name of Object.keys(settingsSchemas[type].shape)) {
				const without = issuesOf(type, { ...samples[type], [name]: undefined });
				for (const blank of ['', '  ', null]) {
					const found = issuesOf(type, { ...samples[type], [name]: blank });
					expect([type, name, found]).toEqual([type, name, without]);
				}
			}
		}
	});

	it('names no field that may be a secret', () => {
		for (const name of ['phx_abcdef', 'EAABsb12Cd34', 'a'.repeat(41), 'with space', '0123456789']) {
			const [issue] = issuesOf('console', { [name]: true });
			expect(issue).toContain('unknown field (name not repeated)');
			expect(issue).not.toContain(name);
		}
	});

	it('trims', () => {
		expect(validateSettings('posthog', { apiKey: ' phc_a \n' }).apiKey).toBe('phc_a');
	});

	it('takes undefined for left out, as JSON does', () => {
		const settings = { ...samples.amplitude, secretKey: undefined };
		expect(Object.keys(validateSettings('amplitude', settings))).not.toContain('secretKey');
	});

	it('is the same through the zod schema', () => {
		for (const type of destinationTypes) {
			expect(settingsSchemas[type].parse(samples[type])).toEqual({ ...sides, ...samples[type] });
		}
	});

	it.each(['toString', '__proto__', 'constructor', 'segment', '', 1, null, undefined, {}])(
		'must exist: %p',
		(type) => {
			expect(isDestinationType(type)).toBe(false);
			expect(issuesOf(type as never, {})).toEqual([
				'type: must be one of posthog, meta-pixel, google-analytics, console, mixpanel, amplitude',
			]);
		},
	);
});

describe('posthog', () => {
	it.each([
		['phx_key', 'personal API key'],
		['phs_key', 'project secret API key'],
		['pha_key', 'OAuth access token'],
		['phr_key', 'OAuth refresh token'],
		['key', 'must be a PostHog project API key'],
		['phc_', 'must be a PostHog project API key'],
		['phc_a b', 'must be a PostHog project API key'],
		['phc_\u0000', 'must be a PostHog project API key'],
		[`phc_${'a'.repeat(61)}`, 'at most 64 characters'],
	])('says what is wrong with the key %s', (apiKey, message) => {
		refused('posthog', { apiKey }, message);
	});

	it('defaults to PostHog Cloud EU', () => {
		expect(validateSettings('posthog', { apiKey: 'phc_a' })).toEqual({
			apiKey: 'phc_a',
			host: 'https://eu.i.posthog.com',
			...sides,
		});
	});

	it.each([
		['https://www.shop.example/ingest', 'https://www.shop.example/ingest'],
		['https://www.shop.example/a/b/', 'https://www.shop.example/a/b'],
		['https://eu-assets.i.posthog.com', 'https://eu.i.posthog.com'],
		['https://us-assets.i.posthog.com/', 'https://us.i.posthog.com'],
		['http://localhost:8000/', 'http://localhost:8000'],
		['http://posthog:8000', 'http://posthog:8000'],
		['http://192.168.0.10', 'http://192.168.0.10'],
		['https://us.i.posthog.com/', 'https://us.i.posthog.com'],
		[' HTTPS://Us.I.PostHog.com:443 ', 'https://us.i.posthog.com'],
		['https://posthog.example.:8443', 'https://posthog.example:8443'],
		['https://bücher.example', 'https://xn--bcher-kva.example'],
		['https://[2606:4700:0:0::1111]', 'https://[2606:4700::1111]'],
	])('stores the host in one form: %s', (host, stored) => {
		expect(validateSettings('posthog', { apiKey: 'phc_a', host }).host).toBe(stored);
	});

	it.each([
		...['x', 'https://', 'ftp://a.example', 'http://a.example', 'https://a.example?', 5],
		...[
			'https://a.example/?x',
			'https://a.example#',
			'https://u@a.example',
			'https://a.example//x',
		],
		...[
			'https://a.example\\@b.example',
			'https://a.example:0',
			`https://${'a'.repeat(520)}.example`,
		],
	])('refuses what is no URL to send to: %p', (host) => {
		refused('posthog', { apiKey: 'phc_a', host }, 'settings.host: must be an https URL');
		refused('posthog', { apiKey: 'phc_a', uiHost: host }, 'settings.uiHost: must be an https URL');
	});

	it('takes a key without prefix where PostHog is self-hosted', () => {
		const settings = { apiKey: 'sTMFPsFhdP1Ssg', host: 'https://posthog.example' };
		expect(validateSettings('posthog', settings).apiKey).toBe('sTMFPsFhdP1Ssg');
		for (const host of [undefined, 'https://us.i.posthog.com', 'https://eu-assets.i.posthog.com']) {
			refused(
				'posthog',
				{ ...settings, host },
				'settings.apiKey: must be a PostHog project API key',
			);
		}
		refused('posthog', { ...settings, apiKey: 'phx_a' }, 'is a personal API key');
	});

	it.each(['http://localhost:8000', 'https://localhost', 'https://10.0.0.1/x', 'http://[::1]'])(
		'has a local host in development alone: %s',
		(host) => {
			const settings = { apiKey: 'phc_a', host, uiHost: host };
			expect(validateSettings('posthog', settings, 'development').host).toBe(host);
			for (const environment of ['staging', 'production'] as const) {
				expect(() => validateSettings('posthog', settings, environment)).toThrow(
					/settings\.host: leads to this machine.*settings\.uiHost: leads to this machine/,
				);
			}
		},
	);
});

describe('meta-pixel', () => {
	const { pixelId, accessToken } = samples['meta-pixel'];

	it('has an API version only where the tenant chose one', () => {
		expect(validateSettings('meta-pixel', { pixelId, accessToken })).toEqual({
			pixelId,
			accessToken,
			...sides,
		});
	});

	it('needs no access token where only browsers send', () => {
		const settings = { pixelId, enableServerSide: false };
		expect(validateSettings('meta-pixel', settings)).toEqual({ ...sides, ...settings });
		refused('meta-pixel', { pixelId }, 'settings.accessToken: is required while enableServerSide');
	});

	it.each([
		[{ pixelId: '1234' }, '5 to 20 digits'],
		[{ pixelId: '1'.repeat(21) }, 'at most 20'],
		[{ pixelId: 12345 }, 'must be text'],
		[{ pixelId: 'EAAtoken' }, 'is an access token'],
		[{ accessToken: 'with space' }, 'without spaces'],
		[{ accessToken: 'line\r\nbreak' }, 'without spaces'],
		[{ accessToken: 'x'.repeat(1025) }, 'at most 1024'],
		[{ testEventCode: 'a/b' }, 'such as TEST12345'],
		[{ accessToken: 'https://graph.facebook.com' }, 'is a URL'],
		[{ apiVersion: '25' }, 'such as v27.0'],
		[{ apiVersion: 'v1.0' }, 'such as v27.0'],
		[{ apiVersion: 'v24.0' }, 'such as v27.0'],
		[{ apiVersion: 'v27.1' }, 'such as v27.0'],
		[{ apiVersion: 'v99.9' }, 'such as v27.0'],
		[{ apiVersion: 'v25.0/../me' }, 'at most 5'],
		[{ apiVersion: 'v1/..' }, 'such as v27.0'],
	])('refuses %j', (change, message) => {
		refused('meta-pixel', { pixelId, accessToken, ...change }, message);
	});
});

describe('google-analytics', () => {
	it('anonymizes and measures unless told otherwise', () => {
		const { measurementId, apiSecret } = samples['google-analytics'];
		expect(validateSettings('google-analytics', { measurementId, apiSecret })).toMatchObject({
			anonymizeIp: true,
			enableEnhancedMeasurement: true,
		});
	});

	it('takes a measurement id in either case', () => {
		const settings = { ...samples['google-analytics'], measurementId: 'g-abc123def4' };
		expect(validateSettings('google-analytics', settings).measurementId).toBe('G-ABC123DEF4');
	});

	it('needs no API secret where only browsers send', () => {
		const settings = { measurementId: 'G-A', enableServerSide: false };
		expect(validateSettings('google-analytics', settings)).toMatchObject(settings);
		refused('google-analytics', { measurementId: 'G-A' }, 'settings.apiSecret: is required while');
	});

	it.each([
		[{ measurementId: 'UA-12345-1' }, 'Universal Analytics'],
		[{ measurementId: 'GTM-ABC' }, 'Tag Manager'],
		[{ measurementId: 'AW-123' }, 'Google Ads'],
		[{ measurementId: 'GT-ABC' }, 'Google tag'],
		[{ measurementId: 'abc' }, 'starts with G-'],
		[{ apiSecret: 'G-ABC123DEF4' }, 'is a measurement id'],
		[{ apiSecret: 'a b' }, 'without spaces'],
		[{ anonymizeIp: 1 }, 'true or false'],
	])('refuses %j', (change, message) => {
		refused('google-analytics', { ...samples['google-analytics'], ...change }, message);
	});
});

describe('mixpanel', () => {
	const { projectToken } = samples.mixpanel;

	it('needs no service account', () => {
		expect(validateSettings('mixpanel', { projectToken })).toEqual({
			projectToken,
			dataResidency: 'us',
			...sides,
		});
	});

	it('needs the whole of a service account or none', () => {
		const message = expect.stringContaining('give all or none');
		expect(issuesOf('mixpanel', { projectToken, projectId: '1' })).toEqual([message, message]);
		const { serviceAccountSecret: _, ...partial } = samples.mixpanel;
		expect(issuesOf('mixpanel', partial)).toEqual([
			expect.stringContaining('settings.serviceAccountSecret: is required with a service account'),
		]);
	});

	it.each([
		[{ projectToken: 'short' }, '32 hexadecimal digits'],
		[{ projectToken: '3456789' }, 'is a project id'],
		[{ projectToken: 'a.b.mp-service-account' }, 'name of a service account'],
		[{ dataResidency: 'uk' }, 'must be one of us, eu, in'],
		[{ projectId: 'x' }, 'digits only'],
		[{ serviceAccountUsername: 'a:b' }, 'without spaces and colons'],
	])('refuses %j', (change, message) => {
		refused('mixpanel', { ...samples.mixpanel, ...change }, message);
	});
});

describe('amplitude and console', () => {
	it('have defaults', () => {
		expect(validateSettings('amplitude', { apiKey: 'key' })).toEqual({
			apiKey: 'key',
			dataResidency: 'us',
			...sides,
		});
		expect(validateSettings('console', {})).toEqual({
			logLevel: 'info',
			prettyPrint: false,
			...sides,
		});
	});

	it('reads regions and levels in either case', () => {
		expect(
			validateSettings('amplitude', { apiKey: 'a', dataResidency: ' EU ' }).dataResidency,
		).toBe('eu');
		const { projectToken } = samples.mixpanel;
		expect(validateSettings('mixpanel', { projectToken, dataResidency: 'In' }).dataResidency).toBe(
			'in',
		);
		expect(validateSettings('console', { logLevel: 'WARN' }).logLevel).toBe('warn');
	});

	it('refuse what they do not know', () => {
		refused(
			'amplitude',
			{ apiKey: 'a', secretKey: 'a' },
			'settings.secretKey: is the API key again',
		);
		refused('amplitude', { apiKey: 'https://amplitude.com' }, 'is a URL');
		refused('amplitude', { apiKey: 'a:b' }, 'without spaces and colons');
		refused('amplitude', { apiKey: 'a', dataResidency: 'in' }, 'must be one of us, eu');
		refused('console', { logLevel: 'trace' }, 'must be one of debug, info, warn, error');
	});
});
