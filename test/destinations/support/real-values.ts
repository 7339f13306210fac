import type { DestinationType } from '../../../src/destinations/registry.ts';
import type { ValidationCode } from '../../../src/errors.ts';

/** A value as it stands in a provider's documents, in an open source project's page, or in what people paste from there. */
export interface RealValue {
	readonly type: DestinationType;
	readonly field: string;
	readonly given: string;
	/** What is stored. */
	readonly stored?: string;
	/** Why it is refused, where it is. */
	readonly refused?: ValidationCode;
	/** What the others need beside it. */
	readonly beside?: Readonly<Record<string, string>>;
	readonly source: string;
}

const vercel = 'https://posthog.com/docs/advanced/proxy/vercel';
const middleware = 'https://posthog.com/docs/advanced/proxy/nextjs-middleware';
const ga4 =
	'https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events';
const ids = 'https://support.google.com/analytics/answer/12270356';
const conversions =
	'https://developers.facebook.com/docs/marketing-api/conversions-api/using-the-api';
const mixpanelAccounts = 'https://docs.mixpanel.com/reference/service-accounts';
const mixpanelRegions = 'https://docs.mixpanel.com/docs/privacy/eu-residency';
const amplitudeRegions = 'https://amplitude.com/docs/apis/analytics/http-v2';

const selfHosted = { host: 'https://posthog.example' };

/** Public values alone: what a browser sees of them anyway, and made-up secrets of the documented form. */
export const realValues: readonly RealValue[] = [
	// A project's public key, 47 characters.
	...['phc_LFH7kJiGhdIlnO22hTAKgHpaKhpM8gkzWAFvHmf5vfS'].map(
		(given): RealValue => ({
			...{ type: 'posthog', field: 'apiKey', given, stored: given },
			source: 'https://github.com/triggerdotdev/trigger.dev apps/webapp/app/env.server.ts',
		}),
	),
	{
		...{ type: 'posthog', field: 'apiKey', given: 'sTMFPsFhdP1Ssg', stored: 'sTMFPsFhdP1Ssg' },
		beside: selfHosted,
		source:
			'https://github.com/PostHog/posthog-js playground, of a self-hosted PostHog from before prefixes',
	},
	{
		...{ type: 'posthog', field: 'apiKey', given: '<ph_project_api_key>', refused: 'wrong_format' },
		source: vercel,
	},
	{
		...{
			type: 'posthog',
			field: 'apiKey',
			given: 'phx_exampleOfAPersonalKey',
			refused: 'wrong_value',
		},
		source: 'https://posthog.com/docs/api#authentication',
	},
	...[
		['https://www.your-domain.com/ingest', 'https://www.your-domain.com/ingest', vercel],
		['https://us.i.posthog.com', 'https://us.i.posthog.com', vercel],
		['https://us-assets.i.posthog.com/', 'https://us.i.posthog.com', vercel],
		['https://eu.i.posthog.com/', 'https://eu.i.posthog.com', middleware],
	].map(
		([given = '', stored = '', source = '']): RealValue => ({
			...{ type: 'posthog', field: 'host', given, stored, source },
		}),
	),
	// The SDK takes a path alone; a server cannot know of which site.
	{
		...{ type: 'posthog', field: 'host', given: '/ingest', refused: 'wrong_format' },
		source: 'https://posthog.com/docs/advanced/proxy/nextjs',
	},
	{
		...{ type: 'posthog', field: 'host', given: 'us.i.posthog.com', refused: 'wrong_format' },
		source: `${vercel}, as the text has it`,
	},
	...['https://us.posthog.com', 'https://eu.posthog.com'].map(
		(given): RealValue => ({
			...{ type: 'posthog', field: 'uiHost', given, stored: given, source: middleware },
		}),
	),
	{
		...{ type: 'meta-pixel', field: 'pixelId', given: '1234567890', stored: '1234567890' },
		source: 'https://docs.dataflysignal.com/integrations/advertising/meta-capi',
	},
	// As long as today's are: 15 and 16 digits.
	...['359422874701700', '3594228747017001'].map(
		(given): RealValue => ({
			...{ type: 'meta-pixel', field: 'pixelId', given, stored: given },
			source: 'https://docs.metarouter.io/docs/facebook-pixel',
		}),
	),
	{
		...{ type: 'meta-pixel', field: 'pixelId', given: 'EAAmadeUp', refused: 'wrong_value' },
		source: `${conversions}: the two stand beside each other`,
	},
	{
		...{
			type: 'meta-pixel',
			field: 'pixelId',
			given: 'act_359422874701700',
			refused: 'wrong_format',
		},
		source: 'https://developers.facebook.com/docs/marketing-api/reference/ad-account',
	},
	...['TEST123', 'TEST12345', 'TEST10153'].map(
		(given): RealValue => ({
			...{ type: 'meta-pixel', field: 'testEventCode', given, stored: given, source: conversions },
		}),
	),
	...[
		['v27.0', 'v27.0'],
		['V25.0', 'v25.0'],
	].map(
		([given = '', stored = '']): RealValue => ({
			...{ type: 'meta-pixel', field: 'apiVersion', given, stored },
			source: 'https://developers.facebook.com/docs/marketing-api/versions',
		}),
	),
	{
		...{ type: 'meta-pixel', field: 'apiVersion', given: 'v12.0', refused: 'wrong_format' },
		source: 'https://developers.facebook.com/docs/marketing-api/versions',
	},
	{
		...{
			type: 'meta-pixel',
			field: 'accessToken',
			given: `EAAmadeUp${'x'.repeat(190)}`,
			stored: `EAAmadeUp${'x'.repeat(190)}`,
		},
		source: 'https://developers.facebook.com/docs/facebook-login/guides/access-tokens',
	},
	...[
		['G-XXXXXXXXXX', 'G-XXXXXXXXXX', ga4],
		['g-1a2bcd345e', 'G-1A2BCD345E', ids],
	].map(
		([given = '', stored = '', source = '']): RealValue => ({
			...{ type: 'google-analytics', field: 'measurementId', given, stored, source },
		}),
	),
	...['UA-12345678-1', 'GTM-ABC1234', 'AW-123456789', 'GT-ABCDEFG'].map(
		(given): RealValue => ({
			...{
				type: 'google-analytics',
				field: 'measurementId',
				given,
				refused: 'wrong_value',
				source: ids,
			},
		}),
	),
	// Digits alone are the stream's or the property's number, on the same page.
	{
		...{
			type: 'google-analytics',
			field: 'measurementId',
			given: '1234567890',
			refused: 'wrong_format',
		},
		source: ids,
	},
	{
		...{
			type: 'google-analytics',
			field: 'apiSecret',
			given: 'madeUp-secret_1234567Q',
			stored: 'madeUp-secret_1234567Q',
		},
		source: `${ga4}: 22 characters of base64url`,
	},
	{
		...{
			type: 'google-analytics',
			field: 'apiSecret',
			given: 'G-XXXXXXXXXX',
			refused: 'wrong_value',
		},
		source: `${ga4}: the two stand beside each other`,
	},
	...['0123456789abcdef0123456789abcdef'].map(
		(given): RealValue => ({
			...{ type: 'mixpanel', field: 'projectToken', given, stored: given },
			source: 'https://docs.mixpanel.com/reference/project-token',
		}),
	),
	{
		...{ type: 'mixpanel', field: 'projectToken', given: '12345', refused: 'wrong_value' },
		source:
			'https://docs.mixpanel.com/reference/raw-data-export-api-authentication: the project_id',
	},
	{
		...{
			type: 'mixpanel',
			field: 'projectToken',
			given: 'YOUR_PROJECT_TOKEN',
			refused: 'wrong_format',
		},
		source: 'https://docs.mixpanel.com/docs/tracking-methods/sdks/javascript',
	},
	{
		...{ type: 'mixpanel', field: 'projectId', given: '12345', stored: '12345' },
		source: 'https://docs.mixpanel.com/reference/raw-data-export-api-authentication',
	},
	...['Test8.6d4ee7.mp-service-account', 'my-user.12345.mp-service-account'].map(
		(given): RealValue => ({
			...{ type: 'mixpanel', field: 'serviceAccountUsername', given, stored: given },
			source: `${mixpanelAccounts}, as Adobe's and Mixpanel's own guides write them`,
		}),
	),
	...['US', 'eu', 'In'].map(
		(given): RealValue => ({
			...{
				type: 'mixpanel',
				field: 'dataResidency',
				given,
				stored: given.toLowerCase(),
				source: mixpanelRegions,
			},
		}),
	),
	{
		...{
			type: 'mixpanel',
			field: 'dataResidency',
			given: 'api-eu.mixpanel.com',
			refused: 'not_in_list',
		},
		source: mixpanelRegions,
	},
	// 32 digits, as all but the oldest projects have, and 30.
	...['0123456789abcdef0123456789abcdef', '0123456789abcdef0123456789abcd'].map(
		(given): RealValue => ({
			...{ type: 'amplitude', field: 'apiKey', given, stored: given, source: amplitudeRegions },
		}),
	),
	...['EU', 'us'].map(
		(given): RealValue => ({
			...{ type: 'amplitude', field: 'dataResidency', given, stored: given.toLowerCase() },
			source: `${amplitudeRegions}: the SDK's serverZone`,
		}),
	),
	{
		...{
			type: 'amplitude',
			field: 'apiKey',
			given: 'https://api2.amplitude.com/2/httpapi',
			refused: 'wrong_value',
		},
		source: amplitudeRegions,
	},
	...['debug', 'INFO', 'Warn', 'error'].map(
		(given): RealValue => ({
			...{ type: 'console', field: 'logLevel', given, stored: given.toLowerCase() },
			source: 'https://developer.mozilla.org/en-US/docs/Web/API/console',
		}),
	),
];
