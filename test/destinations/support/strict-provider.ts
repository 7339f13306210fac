import { MASK } from '../../../src/destinations/mask.ts';
import { type Handler, type Received, respond } from './local-provider.ts';
import { samples } from './samples.ts';

/**
 * What the providers know: the accounts of {@link samples}. A stand-in checks whatever its provider is known to
 * check, so that a test which the provider would refuse does not pass here. The source of each check is beside it.
 */
export const strictProviders: Handler = (request, response) => {
	const standIn = standIns[request.host];
	const answer = standIn === undefined ? respond(404, 'no such host') : standIn(request);
	answer(request, response);
};

type StandIn = (request: Received) => Handler;

function jsonOf({ body }: Received): unknown {
	try {
		return JSON.parse(body);
	} catch {
		return undefined;
	}
}

function recordOf(request: Received): Readonly<Record<string, unknown>> {
	const json = jsonOf(request);
	return typeof json === 'object' && json !== null && !Array.isArray(json) ? { ...json } : {};
}

const urlOf = ({ host, path }: Received) => new URL(path, `https://${host}`);

const isJson = ({ headers }: Received) => headers['content-type'] === 'application/json';

/** https://posthog.com/docs/api/flags: `api_key` and `distinct_id` are required; a foreign key is a 401. */
const posthog: StandIn = (request) => {
	const { api_key: apiKey, distinct_id: distinctId, disable_flags: disabled } = recordOf(request);
	const url = urlOf(request);
	if (request.method !== 'POST' || url.pathname !== '/flags/') return respond(404, 'not found');
	if (url.searchParams.get('v') !== '2') return respond(400, { type: 'validation_error' });
	if (typeof apiKey !== 'string' || typeof distinctId !== 'string' || distinctId === '') {
		return respond(400, { type: 'validation_error', detail: 'api_key and distinct_id' });
	}
	if (apiKey !== samples.posthog.apiKey || request.host !== 'eu.i.posthog.com') {
		return respond(401, { type: 'authentication_error', code: 'invalid_api_key' });
	}
	const flags = disabled === true ? {} : { flag: { enabled: true } };
	return respond(200, { flags, errorsWhileComputingFlags: false });
};

/**
 * https://developers.facebook.com/docs/graph-api/guides/error-handling and
 * https://developers.facebook.com/docs/marketing-api/reference/ads-pixel/
 */
const meta: StandIn = (request) => {
	const url = urlOf(request);
	const [, version = '', id] = url.pathname.split('/');
	const error = (code: number, message: string) =>
		respond(400, { error: { message, type: 'OAuthException', code } });
	// The versions that the Marketing API serves in November 2026.
	if (!/^v2[567]\.0$/.test(version)) {
		return /^v\d+\.\d$/.test(version) && Number(version.slice(1)) < 25
			? error(2635, '(#2635) You are calling a deprecated version of the Ads API.')
			: error(2500, `Unknown path components: /${id}`);
	}
	// A token in the URL would be taken too, and would end up in logs.
	if (url.searchParams.has('access_token')) return error(190, 'The token is in the URL.');
	if (request.headers.authorization !== `Bearer ${samples['meta-pixel'].accessToken}`) {
		return error(190, 'Invalid OAuth access token.');
	}
	if (id !== samples['meta-pixel'].pixelId && id !== otherObject) {
		return error(100, 'Unsupported get request. Object does not exist.');
	}
	const fields = (url.searchParams.get('fields') ?? 'id').split(',');
	// Only a pixel has it.
	if (id === otherObject && fields.includes('last_fired_time')) {
		return error(
			100,
			'(#100) Tried accessing nonexisting field (last_fired_time) on node type (Page)',
		);
	}
	return respond(200, { id, last_fired_time: '2026-11-26T00:00:00+0000' });
};

/** An object that the token sees, and that is no pixel. */
export const otherObject = '99999999';

/**
 * https://developers.google.com/analytics/devguides/collection/protocol/ga4/validating-events, and for the form of
 * `client_id` what the server answers. It looks neither at the secret nor at the stream.
 */
const googleAnalytics: StandIn = (request) => {
	const url = urlOf(request);
	if (request.method !== 'POST' || url.pathname !== '/debug/mp/collect') return respond(404, '');
	const { client_id: clientId, events, validation_behavior: behavior } = recordOf(request);
	const messages: object[] = [];
	const add = (fieldPath: string, description: string, validationCode: string) =>
		messages.push({ fieldPath, description, validationCode });
	for (const name of ['measurement_id', 'api_secret']) {
		if (!url.searchParams.get(name)) add(name, `${name} is required`, 'VALUE_REQUIRED');
	}
	if (typeof clientId !== 'string') add('client_id', 'client_id is required', 'VALUE_REQUIRED');
	else if (behavior === 'ENFORCE_RECOMMENDATIONS' && !/^\d+\.\d+$/.test(clientId)) {
		add(
			'client_id',
			`client_id: [${clientId}] should be in <number>.<number> format.`,
			'VALUE_INVALID',
		);
	}
	// https://developers.google.com/analytics/devguides/collection/protocol/ga4/sending-events#limitations
	if (!Array.isArray(events) || events.length === 0 || events.length > 25) {
		add('events', 'events must have 1 to 25 elements', 'VALUE_OUT_OF_BOUNDS');
	} else {
		for (const [index, event] of events.entries()) {
			if (!/^[A-Za-z]\w{0,39}$/.test(String(event?.name))) {
				add('events', `Event at index: [${index}] has invalid name.`, 'NAME_INVALID');
			}
		}
	}
	return respond(200, { validationMessages: messages });
};

/** https://docs.mixpanel.com/reference/import-events and https://docs.mixpanel.com/troubleshooting/errors */
const mixpanel: StandIn = (request) => {
	const url = urlOf(request);
	if (request.method !== 'POST' || url.pathname !== '/import') return respond(404, '');
	const [user, password] = basicOf(request);
	const { projectToken, projectId, serviceAccountUsername, serviceAccountSecret } =
		samples.mixpanel;
	const unauthorized = respond(401, { code: 401, error: 'Invalid credentials' });
	if (password === '') {
		if (user !== projectToken) return unauthorized;
	} else {
		if (user !== serviceAccountUsername && user !== consumer) return unauthorized;
		if (password !== serviceAccountSecret) return unauthorized;
		// Only the account's own projects, and only with the role Owner or Admin.
		if (url.searchParams.get('project_id') !== projectId || user === consumer) {
			return respond(403, { code: 403, error: 'Forbidden' });
		}
	}
	// A project is known in its own region alone.
	if (request.host !== 'api-eu.mixpanel.com') return unauthorized;
	const events = jsonOf(request);
	if (!isJson(request) || !Array.isArray(events) || events.length > 2000) {
		return respond(400, { code: 400, error: 'some data points in the request failed validation' });
	}
	return respond(200, { code: 200, num_records_imported: events.length, status: 'OK' });
};

/** A service account of the project that may read and not import. */
export const consumer = 'consumer.a1b2c3.mp-service-account';

function basicOf({ headers: { authorization = '' } }: Received): [string, string] {
	const text = Buffer.from(authorization.replace(/^Basic /, ''), 'base64').toString();
	const colon = text.indexOf(':');
	return [text.slice(0, colon), text.slice(colon + 1)];
}

/** https://amplitude.com/docs/apis/analytics/dashboard-rest#user-search */
const amplitudeDashboard: StandIn = (request) => {
	const url = urlOf(request);
	if (request.method !== 'GET' || url.pathname !== '/api/2/usersearch') return respond(404, '');
	if (!url.searchParams.get('user')) return respond(400, { error: 'missing user' });
	const { apiKey, secretKey } = samples.amplitude;
	const [user, password] = basicOf(request);
	return user === apiKey && password === secretKey
		? respond(200, { matches: [], type: 'match_user_or_device_id' })
		: respond(401, '');
};

/** https://amplitude.com/docs/apis/analytics/http-v2#responses: the key first, and it is repeated. */
const amplitudeIngestion: StandIn = (request) => {
	if (request.method !== 'POST' || request.path !== '/2/httpapi') return respond(404, '');
	const { api_key: apiKey, events } = recordOf(request);
	if (!isJson(request)) return respond(400, { code: 400, error: 'Invalid content type' });
	if (typeof apiKey !== 'string' || !Array.isArray(events)) {
		const missing = typeof apiKey === 'string' ? 'events' : 'api_key';
		const error = 'Request missing required field';
		return respond(400, { code: 400, error, missing_field: missing });
	}
	return apiKey === samples.amplitude.apiKey
		? respond(200, { code: 200, events_ingested: events.length, payload_size_bytes: 2 })
		: respond(400, { code: 400, error: `Invalid API key: ${apiKey}` });
};

const standIns: Readonly<Record<string, StandIn>> = {
	'eu.i.posthog.com': posthog,
	'us.i.posthog.com': posthog,
	'graph.facebook.com': meta,
	'www.google-analytics.com': googleAnalytics,
	'api.mixpanel.com': mixpanel,
	'api-eu.mixpanel.com': mixpanel,
	'api-in.mixpanel.com': mixpanel,
	'analytics.eu.amplitude.com': amplitudeDashboard,
	'api.eu.amplitude.com': amplitudeIngestion,
	// The samples' project is in the EU.
	'amplitude.com': () => respond(401, ''),
	'api2.amplitude.com': () => respond(400, { code: 400, error: `Invalid API key: ${MASK}` }),
};
