import { z } from 'zod';
import { requiredInput } from '../input/checks.ts';
import { isJsonRecord } from '../input/json-record.ts';
import type { Answer, SendRequest } from './connection-test/guarded-request.ts';
import {
	type Judgement,
	judgementOfStatus,
	refusedKey,
	verified,
} from './connection-test/outcome.ts';
import { defineDestination, sidesVisibility } from './definition.ts';
import { type FieldLabel, omissible, orPreset, sides, text } from './fields.ts';
import { parseBaseUrl } from './https-origin.ts';
import { type Rule, settingsSchema } from './rules.ts';

/** https://posthog.com/docs/api: the hosts of events and of the app, both of which answer `/flags`. */
const cloudHosts = [
	'eu.i.posthog.com',
	'us.i.posthog.com',
	'eu.posthog.com',
	'us.posthog.com',
	'app.posthog.com',
];

const cloudUrls = new Set(cloudHosts.map((host) => `https://${host}`));

/** Where the SDK's scripts are, which people copy from the network tab; events go to the host beside it. */
const assetHosts = new Map([
	['https://eu-assets.i.posthog.com', 'https://eu.i.posthog.com'],
	['https://us-assets.i.posthog.com', 'https://us.i.posthog.com'],
]);

const KEY_EXPECTED = 'must be a PostHog project API key, which starts with phc_';

/** Prefixes: https://posthog.com/docs/api#authentication and PostHog's list for secret scanners. */
const apiKey = text({
	title: 'Project API key',
	description: 'In PostHog under Settings, Project, General. It starts with phc_.',
	example: 'phc_exampleProjectApiKey0123456789',
	pattern: /^(?!ph[xsar]_)(?!phc_$)[A-Za-z0-9_-]+$/,
	max: 64,
	expected: KEY_EXPECTED,
	mistakes: [
		[/^phx_/, 'a personal API key (phx_)'],
		[/^phs_/, 'a project secret API key (phs_)'],
		[/^pha_/, 'an OAuth access token (pha_)'],
		[/^phr_/, 'an OAuth refresh token (phr_)'],
	],
});

const URL_EXPECTED =
	'must be an https URL such as https://eu.i.posthog.com, perhaps with a path, without query and credentials; http only on a local host';

/** A DNS name has at most 253 characters (RFC 1035); a scheme, a port and a path come on top. */
const MAX_URL = 512;

function baseUrl() {
	return (
		z
			.string({ error: requiredInput(URL_EXPECTED) })
			.trim()
			.max(MAX_URL, { abort: true, error: URL_EXPECTED })
			// What is not such a URL becomes empty, so that one parse both checks and normalizes.
			.overwrite((value) => {
				const url = parseBaseUrl(value)?.url ?? '';
				return assetHosts.get(url) ?? url;
			})
			.regex(/^https?:\/\/.+$/, { error: URL_EXPECTED })
	);
}

const defaultHost = 'https://eu.i.posthog.com';

const hostLabel: FieldLabel = {
	title: 'Host',
	description:
		'Where events are sent: PostHog Cloud EU or US, a self-hosted PostHog, or your own proxy with its path.',
	example: 'https://www.shop.example/ingest',
};

const uiHostLabel: FieldLabel = {
	title: 'UI host',
	description:
		'Where PostHog itself is, if the host is a proxy of your own: links and the toolbar need it.',
	example: 'https://eu.posthog.com',
};

const about = { kind: 'url', maxLength: MAX_URL, optional: true } as const;
const host = orPreset(baseUrl(), defaultHost, { ...hostLabel, ...about, preset: defaultHost });
const uiHost = omissible(baseUrl(), { ...uiHostLabel, ...about });

const rules: readonly Rule[] = [
	{
		// A self-hosted PostHog has keys without a prefix where somebody set them by hand.
		kind: 'condition',
		field: 'apiKey',
		holds: ({ apiKey, host = defaultHost }) =>
			!cloudUrls.has(String(host)) || !isWithoutPrefix(apiKey),
		message: KEY_EXPECTED,
		code: 'wrong_format',
	},
];

/** The field's own pattern refuses other wrong keys. */
function isWithoutPrefix(key: unknown): boolean {
	return typeof key === 'string' && /^(?!ph[a-z]_)[A-Za-z0-9_-]{1,64}$/.test(key);
}

const settings = settingsSchema({ apiKey, host, uiHost, ...sides }, rules);

/**
 * Settings of a PostHog destination: `apiKey`, the project API key (`phc_…`, at most 64 characters; if the host is not that
 * of PostHog Cloud, the prefix may be missing); `host`, an https URL, by default that of PostHog Cloud EU; `uiHost`, the
 * URL of PostHog itself if `host` is a proxy. In the environment `development`, both URLs may be http and on a local host.
 *
 * https://posthog.com/docs/advanced/proxy
 */
export type PostHogSettings = z.output<typeof settings>;

/**
 * Asks for feature flags with the flags switched off, which checks the key and records nothing. `/i/v0/e/`
 * would write an event, and takes keys of the wrong region.
 * https://posthog.com/docs/api/flags
 */
async function run({ apiKey, host }: PostHogSettings, send: SendRequest): Promise<Judgement> {
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
	return judgementOfStatus('PostHog', answer.status);
}

function hasFlags({ json }: Answer): boolean {
	return isJsonRecord(json) && ('flags' in json || 'featureFlags' in json);
}

export const posthog = defineDestination({
	title: 'PostHog',
	settings,
	rules,
	localSettings: ({ host, uiHost }) =>
		Object.entries({ host, uiHost }).flatMap(([name, url]) =>
			url !== undefined && parseBaseUrl(url)?.local === true ? [name] : [],
		),
	visibility: { apiKey: 'browser', host: 'browser', uiHost: 'browser', ...sidesVisibility },
	requiredConsent: ['measurement'],
	connectionTest: { hosts: cloudHosts, run },
});
