import { z } from 'zod';
import { isJsonRecord } from '../input/json-record.ts';
import type { SendRequest } from './connection-test/guarded-request.ts';
import {
	type Finding,
	failed,
	findingOfStatus,
	inconclusive,
	verified,
} from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { printable, sides, text } from './fields.ts';

const settings = z.strictObject({
	pixelId: text({
		pattern: /^\d{5,20}$/,
		max: 20,
		expected: 'must be a pixel id of 5 to 20 digits',
		mistakes: [[/^EAA/, 'an access token']],
	}),
	accessToken: text({
		pattern: printable,
		// Meta gives no upper limit and warns that tokens grow; today's have about 200 characters.
		max: 1024,
		expected: 'must be an access token without spaces',
	}),
	testEventCode: text({
		pattern: /^[A-Za-z0-9_-]+$/,
		max: 64,
		expected: 'must be a test event code such as TEST12345',
	}).optional(),
	/** https://developers.facebook.com/docs/graph-api/changelog/versions/ (v25.0 runs to the middle of 2028). */
	apiVersion: text({
		pattern: /^v[1-9]\d?\.\d$/,
		max: 5,
		expected: 'must be a Graph API version such as v25.0',
	}).default('v25.0'),
	...sides,
});

/**
 * Settings of a Meta Pixel destination with the Conversions API: `pixelId` (5 to 20 digits), the secret
 * `accessToken`, `testEventCode` for events that only show in the test view, and the Graph API's `apiVersion`.
 */
export type MetaPixelSettings = z.output<typeof settings>;

/** Reads the pixel's own id. The token travels in a header, because URLs end up in logs. */
async function run(
	{ pixelId, accessToken, apiVersion }: MetaPixelSettings,
	send: SendRequest,
): Promise<Finding> {
	const { status, json } = await send({
		method: 'GET',
		url: `https://graph.facebook.com/${apiVersion}/${pixelId}?fields=id`,
		authorization: `Bearer ${accessToken}`,
	});
	if (status === 200 && isJsonRecord(json) && json.id === pixelId) {
		return verified('Meta accepted the access token, and it can see the pixel.');
	}
	// A failing server is no judge of the settings, whatever code it gives.
	const judgement = status < 500 ? findingOfError(errorCode(json)) : undefined;
	return judgement ?? findingOfStatus('Meta', status);
}

function errorCode(json: unknown): unknown {
	return isJsonRecord(json) && isJsonRecord(json.error) ? json.error.code : undefined;
}

/** https://developers.facebook.com/docs/graph-api/guides/error-handling */
function findingOfError(code: unknown): Finding | undefined {
	if (typeof code !== 'number') {
		return undefined;
	}
	if (code === 190 || code === 102) {
		return failed(
			'invalid_credentials',
			`Meta refused the access token: it is wrong, expired or withdrawn (code ${code}).`,
		);
	}
	if (code === 100) {
		return failed('not_visible', 'The pixel does not exist, or the access token cannot see it.');
	}
	if (code === 10 || (code >= 200 && code <= 299)) {
		return inconclusive(
			'permission_missing',
			`The access token may not read the pixel (code ${code}), so this test cannot tell whether it may send events.`,
		);
	}
	if ([1, 2, 4, 17, 341].includes(code)) {
		return inconclusive(
			'provider_unavailable',
			`Meta could not answer now (code ${code}); try again later.`,
		);
	}
	return undefined;
}

export const metaPixel = defineDestination({
	settings,
	visibility: {
		pixelId: 'browser',
		accessToken: 'secret',
		testEventCode: 'server',
		apiVersion: 'server',
		...sidesVisibility,
	},
	connectionTest: { hosts: ['graph.facebook.com'], run },
});
