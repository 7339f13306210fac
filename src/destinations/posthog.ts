import { z } from 'zod';
import { required } from '../input/checks.ts';
import { isJsonRecord } from '../input/json-record.ts';
import type { Answer, SendRequest } from './connection-test/guarded-request.ts';
import { type Finding, findingOfStatus, refusedKey, verified } from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { sides, text } from './fields.ts';
import { parseHttpsOrigin } from './https-origin.ts';

/** https://posthog.com/docs/api: the hosts of events and of the app, both of which answer `/flags`. */
const cloudHosts = [
	'eu.i.posthog.com',
	'us.i.posthog.com',
	'eu.posthog.com',
	'us.posthog.com',
	'app.posthog.com',
];

/** Prefixes: https://posthog.com/docs/api#authentication and PostHog's list for secret scanners. */
const apiKey = text({
	pattern: /^phc_[A-Za-z0-9_-]+$/,
	max: 64,
	expected: 'must be a PostHog project API key, which starts with phc_',
	mistakes: [
		[/^phx_/, 'a personal API key (phx_)'],
		[/^phs_/, 'a project secret API key (phs_)'],
		[/^pha_/, 'an OAuth access token (pha_)'],
		[/^phr_/, 'an OAuth refresh token (phr_)'],
	],
});

const HOST_EXPECTED =
	'must be a public https origin such as https://eu.i.posthog.com, without a path, query or credentials';

const host = z
	.string({ error: required(HOST_EXPECTED) })
	.trim()
	// A DNS name has at most 253 characters (RFC 1035), `https://` and a port come on top.
	.max(270, { abort: true, error: HOST_EXPECTED })
	// What is no origin becomes empty, so that one parse both checks and normalizes.
	.overwrite((value) => parseHttpsOrigin(value) ?? '')
	.min(1, { error: HOST_EXPECTED })
	.default('https://eu.i.posthog.com');

const settings = z.strictObject({ apiKey, host, ...sides });

/**
 * Settings of a PostHog destination: `apiKey`, the project API key (`phc_…`, at most 64 characters), and
 * `host`, an https origin, by default PostHog Cloud EU.
 */
export type PostHogSettings = z.output<typeof settings>;

/**
 * Asks for feature flags with the flags switched off, which checks the key and records nothing. `/i/v0/e/`
 * would write an event, and takes keys of the wrong region.
 * https://posthog.com/docs/api/flags
 */
async function run({ apiKey, host }: PostHogSettings, send: SendRequest): Promise<Finding> {
	const json = { api_key: apiKey, distinct_id: 'connection-test', disable_flags: true };
	let answer = await send({ method: 'POST', url: `${host}/flags/?v=2`, json });
	if (answer.status === 404) {
		// Self-hosted versions from before `/flags` have `/decide`.
		answer = await send({ method: 'POST', url: `${host}/decide/?v=3`, json });
	}
	if (answer.status === 200 && hasFlags(answer)) {
		return verified('PostHog accepted the project API key.');
	}
	if (answer.status === 401) {
		return refusedKey('PostHog', 'the project API key');
	}
	return findingOfStatus('PostHog', answer.status);
}

function hasFlags({ json }: Answer): boolean {
	return isJsonRecord(json) && ('flags' in json || 'featureFlags' in json);
}

export const posthog = defineDestination({
	settings,
	visibility: { apiKey: 'browser', host: 'browser', ...sidesVisibility },
	connectionTest: { hosts: cloudHosts, run },
});
