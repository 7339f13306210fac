import type { z } from 'zod';
import { isJsonRecord } from '../input/json-record.ts';
import type { SendRequest } from './connection-test/guarded-request.ts';
import {
	failed,
	inconclusive,
	type Judgement,
	judgementOfStatus,
	partial,
} from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { optionalText, sides, text, toggle } from './fields.ts';
import { type Rule, settingsSchema } from './rules.ts';

const rules: readonly Rule[] = [
	{ kind: 'required-when', field: 'apiSecret', on: 'enableServerSide' },
];

const settings = settingsSchema(
	{
		/** https://support.google.com/analytics/answer/12270356 */
		measurementId: text({
			title: 'Measurement ID',
			description: 'In Google Analytics under Admin, Data streams, your web stream.',
			example: 'G-ABC123DEF4',
			pattern: /^G-[A-Z0-9]+$/,
			max: 20,
			expected: 'must be a GA4 measurement id, which starts with G-',
			normalize: (value) => value.toUpperCase(),
			mistakes: [
				[/^UA-/i, 'a Universal Analytics property id (UA-), which Google has shut down'],
				[/^GTM-/i, 'a Tag Manager container id (GTM-)'],
				[/^AW-/i, 'a Google Ads id (AW-)'],
				[/^GT-/i, 'a Google tag id (GT-)'],
			],
		}),
		apiSecret: optionalText({
			title: 'API secret',
			description:
				'Of the Measurement Protocol: in the same data stream, under Measurement Protocol API secrets. Needed to send from the server.',
			// Not `printable` alone: a measurement id pasted into this field would match that too.
			pattern: /^(?!G-[A-Z0-9]+$)(?![A-Za-z]{3,5}:\/\/)[!-~]+$/,
			max: 128,
			expected: 'must be a Measurement Protocol API secret without spaces',
			mistakes: [[/^G-/, 'a measurement id (G-)']],
		}),
		enableEnhancedMeasurement: toggle(true, {
			title: 'Enhanced measurement',
			description: 'Whether browsers measure scrolls, outbound clicks and the like by themselves.',
		}),
		anonymizeIp: toggle(true, {
			title: 'Anonymize IP addresses',
			description: 'For other receivers: Google Analytics 4 itself never stores IP addresses.',
		}),
		...sides,
	},
	rules,
);

/**
 * Settings of a Google Analytics 4 destination: `measurementId` (`G-…`), the secret `apiSecret` of the Measurement Protocol
 * (needed while `enableServerSide` is on), `enableEnhancedMeasurement` and `anonymizeIp` (default on; GA4 anonymizes in any
 * case).
 */
export type GoogleAnalyticsSettings = z.output<typeof settings>;

/**
 * Has Google validate one event; nothing is recorded. Google does not check the secret here, and answers 2xx
 * to whatever is sent to the real endpoint, so no request can prove more.
 * https://developers.google.com/analytics/devguides/collection/protocol/ga4/validating-events
 */
async function run(
	{ measurementId, apiSecret }: GoogleAnalyticsSettings,
	send: SendRequest,
): Promise<Judgement> {
	if (apiSecret === undefined) {
		return inconclusive(
			'nothing_to_test',
			'Without an API secret there is nothing to test: browsers send by the measurement id alone.',
		);
	}
	const query = new URLSearchParams({ measurement_id: measurementId, api_secret: apiSecret });
	const { status, json } = await send({
		method: 'POST',
		url: `https://www.google-analytics.com/debug/mp/collect?${query}`,
		json: {
			// `client_id` must be two numbers with a dot between, as gtag.js makes it.
			client_id: '1000000000.1000000000',
			validation_behavior: 'ENFORCE_RECOMMENDATIONS',
			events: [{ name: 'connection_test', params: {} }],
		},
	});
	if (status !== 200 || !isJsonRecord(json) || !Array.isArray(json.validationMessages)) {
		return judgementOfStatus('Google Analytics', status);
	}
	return judgementOfMessages(json.validationMessages);
}

/** Only what is about the two values that the tenant entered speaks against them; all else was this test's. */
function judgementOfMessages(messages: readonly unknown[]): Judgement {
	if (messages.length === 0) {
		return partial(
			'Google Analytics accepts the events. Google offers no way to check the API secret.',
		);
	}
	const texts = messages.map(textOf);
	const ofSettings = texts.filter((text) => /measurement_id|api_secret/i.test(text));
	if (ofSettings.length === 0) {
		return inconclusive(
			'rejected',
			'Google Analytics did not accept the test event, which says nothing about the settings.',
		);
	}
	return failed('rejected', `Google Analytics: ${ofSettings.join(' ')}`);
}

function textOf(message: unknown): string {
	const { description, fieldPath } = isJsonRecord(message) ? message : {};
	const text = typeof description === 'string' ? description : '';
	return typeof fieldPath === 'string' && !text.includes(fieldPath)
		? `${fieldPath}: ${text}`
		: text;
}

export const googleAnalytics = defineDestination({
	title: 'Google Analytics',
	settings,
	rules,
	visibility: {
		measurementId: 'browser',
		apiSecret: 'secret',
		enableEnhancedMeasurement: 'browser',
		anonymizeIp: 'browser',
		...sidesVisibility,
	},
	requiredConsent: ['measurement'],
	connectionTest: { hosts: ['www.google-analytics.com'], run },
});
