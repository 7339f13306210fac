import type { z } from 'zod';
import { isJsonRecord } from '../input/json-record.ts';
import type { SendRequest } from './connection-test/guarded-request.ts';
import {
	failed,
	inconclusive,
	type Judgement,
	judgementOfStatus,
	verified,
} from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { optionalText, printable, sides, text } from './fields.ts';
import { type Rule, settingsSchema } from './rules.ts';

/**
 * The version that is called where the tenant chose none; a release raises it. The Conversions API follows the
 * Marketing API's table, where v25.0 ends on 23 February 2027.
 * https://developers.facebook.com/docs/marketing-api/marketing-api-changelog/versions/
 */
const apiVersionNow = 'v27.0';

/**
 * Versions that can be served: from the oldest of today up to those of the next year, of which Meta makes three.
 * All since v4.0 end in `.0`.
 */
const servedVersion = /^v(?:2[5-9]|30)\.0$/;

const rules: readonly Rule[] = [
	{ kind: 'required-when', field: 'accessToken', on: 'enableServerSide' },
];

const settings = settingsSchema(
	{
		pixelId: text({
			title: 'Pixel ID',
			description: 'In Meta Events Manager under Data sources. 5 to 20 digits.',
			example: '1234567890123456',
			pattern: /^\d{5,20}$/,
			max: 20,
			expected: 'must be a pixel id of 5 to 20 digits',
			mistakes: [[/^EAA/, 'an access token']],
		}),
		accessToken: optionalText({
			title: 'Access token',
			description:
				'Of the Conversions API: in Meta Events Manager under Settings, Generate access token. Needed to send from the server.',
			pattern: printable,
			// Meta documents no upper limit and warns that tokens grow; today's have about 200 characters.
			max: 1024,
			expected: 'must be an access token without spaces',
		}),
		testEventCode: optionalText({
			title: 'Test event code',
			description: 'Events with it show under Test events in Events Manager alone.',
			example: 'TEST12345',
			pattern: /^[A-Za-z0-9_-]+$/,
			max: 64,
			expected: 'must be a test event code such as TEST12345',
		}),
		apiVersion: optionalText({
			title: 'API version',
			description: 'Leave it empty to use the version that this product keeps up to date.',
			example: apiVersionNow,
			pattern: servedVersion,
			max: 5,
			expected: `must be a version of the Graph API that Meta serves, such as ${apiVersionNow}`,
			normalize: (value) => value.toLowerCase(),
		}),
		...sides,
	},
	rules,
);

/**
 * Settings of a Meta Pixel destination with the Conversions API: `pixelId` (5 to 20 digits), the secret `accessToken`
 * (needed while `enableServerSide` is on), `testEventCode` for events that appear in the test view only, and `apiVersion`,
 * the version of the Graph API, only if the tenant chose one.
 */
export type MetaPixelSettings = z.output<typeof settings>;

/**
 * Reads the pixel, with a field that only pixels have: `id` alone passes for any object that the token sees. The
 * token travels in a header, because URLs end up in logs.
 * https://developers.facebook.com/docs/marketing-api/reference/ads-pixel/
 */
async function run(
	{ pixelId, accessToken, apiVersion }: MetaPixelSettings,
	send: SendRequest,
): Promise<Judgement> {
	if (accessToken === undefined) {
		return inconclusive(
			'nothing_to_test',
			'Without an access token there is nothing to test: browsers send to a pixel by its id alone.',
		);
	}
	const { status, json } = await send({
		method: 'GET',
		url: `https://graph.facebook.com/${apiVersion ?? apiVersionNow}/${pixelId}?fields=id,last_fired_time`,
		authorization: `Bearer ${accessToken}`,
	});
	if (status === 200 && isJsonRecord(json) && json.id === pixelId) {
		return verified('Meta accepted the access token, and it can see the pixel.');
	}
	// A failing server cannot judge the settings, whatever code it returns.
	const judgement = status < 500 ? judgementOfError(errorOf(json), apiVersion) : undefined;
	return judgement ?? judgementOfStatus('Meta', status);
}

interface MetaError {
	readonly code: number;
	readonly message: string;
}

function errorOf(json: unknown): MetaError | undefined {
	const error = isJsonRecord(json) ? json.error : undefined;
	if (!isJsonRecord(error) || typeof error.code !== 'number') return undefined;
	return { code: error.code, message: typeof error.message === 'string' ? error.message : '' };
}

/**
 * The application's, the user's and the ad account's limits (4, 17, 32, 613, 80004), a block for a while (368), a
 * lock (341) and what passes (1, 2).
 * https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
 */
const passing = new Set([1, 2, 4, 17, 32, 341, 368, 613, 80004]);

/** https://developers.facebook.com/docs/graph-api/guides/error-handling */
function judgementOfError(
	error: MetaError | undefined,
	chosenVersion: string | undefined,
): Judgement | undefined {
	if (error === undefined) return undefined;
	const { code, message } = error;
	if (code === 190 || code === 102) {
		return failed(
			'invalid_credentials',
			`Meta refused the access token: it is wrong, expired or withdrawn (code ${code}).`,
		);
	}
	if (code === 10 || (code >= 200 && code <= 299) || isMissingPermission(error)) {
		return inconclusive(
			'permission_missing',
			`The access token may not read the pixel (code ${code}), so this test cannot find out whether it may send events.`,
		);
	}
	if (code === 100) {
		// `Tried accessing nonexisting field (last_fired_time) on node type (…)`
		return /nonexisting field/i.test(message)
			? failed('not_visible', 'The pixel id belongs to something that is no pixel.')
			: failed('not_visible', 'The pixel does not exist, or the access token cannot see it.');
	}
	if (code === 2635 || code === 2500) return judgementOfVersion(code, chosenVersion);
	if (passing.has(code)) {
		return inconclusive(
			'provider_unavailable',
			`Meta could not answer now (code ${code}); try again later.`,
		);
	}
	return undefined;
}

/** `(#100) Missing permissions`: of the token, not of the pixel. */
function isMissingPermission({ code, message }: MetaError): boolean {
	return code === 100 && /missing permission/i.test(message);
}

/** 2635: the version has ended. 2500: `Unknown path components`, a version that never was. */
function judgementOfVersion(code: number, chosen: string | undefined): Judgement {
	return chosen === undefined
		? inconclusive(
				'rejected',
				`Meta no longer serves version ${apiVersionNow} of its API (code ${code}), which is what an outdated release of this package calls. The settings may be right.`,
			)
		: failed(
				'rejected',
				`Meta does not serve version ${chosen} of its API (code ${code}). Choose a newer one, or none.`,
			);
}

export const metaPixel = defineDestination({
	title: 'Meta Pixel',
	settings,
	rules,
	visibility: {
		pixelId: 'browser',
		accessToken: 'secret',
		testEventCode: 'server',
		apiVersion: 'server',
		...sidesVisibility,
	},
	requiredConsent: ['marketing'],
	connectionTest: { hosts: ['graph.facebook.com'], run },
});
