import { z } from 'zod';
import { isJsonRecord } from '../input/json-record.ts';
import type { SendRequest } from './connection-test/guarded-request.ts';
import { type Finding, failed, findingOfStatus, partial } from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { sides, text, toggle } from './fields.ts';

const settings = z.strictObject({
	/** https://support.google.com/analytics/answer/12270356 */
	measurementId: text({
		pattern: /^G-[A-Z0-9]+$/,
		max: 20,
		expected: 'must be a GA4 measurement id, which starts with G- and is in upper case',
		mistakes: [
			[/^UA-/i, 'a Universal Analytics property id (UA-), which Google has shut down'],
			[/^GTM-/i, 'a Tag Manager container id (GTM-)'],
			[/^AW-/i, 'a Google Ads id (AW-)'],
			[/^GT-/i, 'a Google tag id (GT-)'],
		],
	}),
	apiSecret: text({
		// Not `printable` alone: a measurement id pasted into this field would match that too.
		pattern: /^(?!G-[A-Z0-9]+$)[!-~]+$/,
		max: 128,
		expected: 'must be a Measurement Protocol API secret without spaces',
		mistakes: [[/^G-/, 'a measurement id (G-)']],
	}),
	enableEnhancedMeasurement: toggle(true),
	anonymizeIp: toggle(true),
	...sides,
});

/**
 * Settings of a Google Analytics 4 destination: `measurementId` (`G-…`), the secret `apiSecret` of the
 * Measurement Protocol, `enableEnhancedMeasurement` and `anonymizeIp` (both on unless turned off).
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
): Promise<Finding> {
	const query = new URLSearchParams({ measurement_id: measurementId, api_secret: apiSecret });
	const { status, json } = await send({
		method: 'POST',
		url: `https://www.google-analytics.com/debug/mp/collect?${query}`,
		json: {
			client_id: 'connection.test',
			validation_behavior: 'ENFORCE_RECOMMENDATIONS',
			events: [{ name: 'connection_test', params: {} }],
		},
	});
	if (status !== 200 || !isJsonRecord(json) || !Array.isArray(json.validationMessages)) {
		return findingOfStatus('Google Analytics', status);
	}
	if (json.validationMessages.length > 0) {
		return failed('rejected', `Google Analytics: ${descriptions(json.validationMessages)}`);
	}
	return partial(
		'Google Analytics accepts the events. Google offers no way to check the API secret.',
	);
}

function descriptions(messages: readonly unknown[]): string {
	const texts = messages.map((message) =>
		isJsonRecord(message) && typeof message.description === 'string' ? message.description : '',
	);
	return texts.filter((text) => text !== '').join(' ') || 'the event was refused.';
}

export const googleAnalytics = defineDestination({
	settings,
	visibility: {
		measurementId: 'browser',
		apiSecret: 'secret',
		enableEnhancedMeasurement: 'server',
		anonymizeIp: 'server',
		...sidesVisibility,
	},
	connectionTest: { hosts: ['www.google-analytics.com'], run },
});
