import type { z } from 'zod';
import { isJsonRecord } from '../input/json-record.ts';
import { basicAuth } from './connection-test/basic-auth.ts';
import type { SendRequest } from './connection-test/guarded-request.ts';
import {
	type Judgement,
	judgementOfStatus,
	partial,
	refusedKey,
	verified,
} from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { choice, optionalText, printable, sides, text } from './fields.ts';
import { type Rule, settingsSchema } from './rules.ts';

/** https://amplitude.com/docs/apis/analytics/http-v2 and https://amplitude.com/docs/apis/analytics/dashboard-rest */
const regions = {
	us: { dashboard: 'amplitude.com', ingestion: 'api2.amplitude.com' },
	eu: { dashboard: 'analytics.eu.amplitude.com', ingestion: 'api.eu.amplitude.com' },
};

const rules: readonly Rule[] = [
	{
		kind: 'condition',
		field: 'secretKey',
		holds: ({ apiKey, secretKey }) => secretKey === undefined || secretKey !== apiKey,
		message: 'is the API key again; Amplitude shows the secret key below it',
		code: 'wrong_value',
		params: { is: 'the API key' },
	},
];

const settings = settingsSchema(
	{
		apiKey: text({
			title: 'API key',
			description: 'In Amplitude under Settings, Projects, your project.',
			example: '0123456789abcdef0123456789abcdef',
			// A colon would end the user name in HTTP Basic.
			pattern: /^[!-9;-~]+$/,
			max: 128,
			expected: 'must be an Amplitude API key, without spaces and colons',
		}),
		secretKey: optionalText({
			title: 'Secret key',
			description: 'Below the API key. With it, a connection test can check both.',
			pattern: printable,
			max: 128,
			expected: 'must be an Amplitude secret key, without spaces',
		}),
		dataResidency: choice(['us', 'eu'], 'us', {
			title: 'Data residency',
			description: 'Where the project keeps its data. Amplitude drops what is sent elsewhere.',
		}),
		...sides,
	},
	rules,
);

/**
 * Settings of an Amplitude destination: `apiKey`, the secret `secretKey` (without it a test proves less), and
 * `dataResidency` (`us` or `eu`; default `us`).
 */
export type AmplitudeSettings = z.output<typeof settings>;

/** Searches for a user with both keys, or else sends an empty list of events with the API key. */
async function run(
	{ apiKey, secretKey, dataResidency }: AmplitudeSettings,
	send: SendRequest,
): Promise<Judgement> {
	const { dashboard, ingestion } = regions[dataResidency];
	if (secretKey !== undefined) {
		const { status } = await send({
			method: 'GET',
			url: `https://${dashboard}/api/2/usersearch?user=connection-test`,
			authorization: basicAuth(apiKey, secretKey),
			statusOnly: true,
		});
		if (status === 200) {
			return verified('Amplitude accepted the API key and the secret key.');
		}
		return status === 401 || status === 403
			? refusedKey('Amplitude', 'the API key or the secret key')
			: judgementOfStatus('Amplitude', status);
	}
	const { status, json } = await send({
		method: 'POST',
		url: `https://${ingestion}/2/httpapi`,
		json: { api_key: apiKey, events: [] },
	});
	if (status === 200) {
		return verified('Amplitude accepted the API key.');
	}
	const objection = status === 400 ? objectionOf(json) : '';
	if (/api.?key/i.test(objection)) {
		return refusedKey('Amplitude', 'the API key');
	}
	if (/event/i.test(objection)) {
		// To the list being empty, which Amplitude may look at before the key.
		return partial(
			'Amplitude raised no objection to the API key. Only a secret key allows a full test.',
		);
	}
	return judgementOfStatus('Amplitude', status);
}

/** What a 400 says is wrong. Never shown: Amplitude repeats the key in it. */
function objectionOf(json: unknown): string {
	const parts = isJsonRecord(json) ? [json.error, json.missing_field] : [];
	return parts.filter((part) => typeof part === 'string').join(' ');
}

export const amplitude = defineDestination({
	title: 'Amplitude',
	settings,
	rules,
	visibility: {
		apiKey: 'browser',
		secretKey: 'secret',
		// The SDK needs it as `serverZone`, or Amplitude drops the events.
		dataResidency: 'browser',
		...sidesVisibility,
	},
	requiredConsent: ['measurement'],
	connectionTest: {
		hosts: Object.values(regions).flatMap(({ dashboard, ingestion }) => [dashboard, ingestion]),
		run,
	},
});
