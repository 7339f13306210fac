import type { DestinationType, LoadedDestinationOf } from '@consent-io/destinations';
import type { VisitorEvent } from './visitor-event.ts';

/** A POST of JSON. */
export interface ProviderRequest {
	readonly url: string;
	readonly body: unknown;
}

/** Those that are called. */
type Called = { [T in Exclude<DestinationType, 'console'>]: LoadedDestinationOf<T> }[Exclude<
	DestinationType,
	'console'
>];

/** What a provider wants to get of an event. The compiler asks for each type, also for one that is new. */
export function requestOf(destination: Called, event: VisitorEvent): ProviderRequest {
	const { id, name, visitorId, url, time } = event;
	switch (destination.type) {
		// https://posthog.com/docs/api/capture
		case 'posthog': {
			const { apiKey, host } = destination.settings;
			const properties = { $current_url: url };
			const timestamp = new Date(time).toISOString();
			const body = { api_key: apiKey, uuid: id, event: name, distinct_id: visitorId };
			return { url: `${host}/i/v0/e/`, body: { ...body, timestamp, properties } };
		}
		// https://developers.facebook.com/docs/marketing-api/conversions-api/using-the-api
		case 'meta-pixel': {
			const { pixelId, accessToken, testEventCode, apiVersion = 'v27.0' } = destination.settings;
			const seconds = Math.floor(time / 1000);
			const data = [
				{
					...{ event_name: name, event_id: id, event_time: seconds, event_source_url: url },
					...{ action_source: 'website', user_data: { external_id: [visitorId] } },
				},
			];
			const isTest = destination.testMode && testEventCode !== undefined;
			const test = isTest ? { test_event_code: testEventCode } : {};
			return {
				url: `https://graph.facebook.com/${apiVersion}/${pixelId}/events`,
				body: { access_token: accessToken, data, ...test },
			};
		}
		// https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference
		case 'google-analytics': {
			const { measurementId, apiSecret = '' } = destination.settings;
			const query = new URLSearchParams({ measurement_id: measurementId, api_secret: apiSecret });
			const events = [{ name, params: { page_location: url } }];
			return {
				url: `https://www.google-analytics.com/mp/collect?${query}`,
				body: { client_id: visitorId, timestamp_micros: time * 1000, events },
			};
		}
		// https://developer.mixpanel.com/reference/track-event
		case 'mixpanel': {
			const { projectToken, dataResidency } = destination.settings;
			const host = { us: 'api', eu: 'api-eu', in: 'api-in' }[dataResidency];
			const ids = { token: projectToken, distinct_id: visitorId, $insert_id: id };
			return {
				url: `https://${host}.mixpanel.com/track`,
				body: [{ event: name, properties: { ...ids, time, $current_url: url } }],
			};
		}
		// https://amplitude.com/docs/apis/analytics/http-v2
		case 'amplitude': {
			const { apiKey, dataResidency } = destination.settings;
			const host = { us: 'api2', eu: 'api.eu' }[dataResidency];
			const event_properties = { url };
			const ids = { device_id: visitorId, insert_id: id };
			return {
				url: `https://${host}.amplitude.com/2/httpapi`,
				body: { api_key: apiKey, events: [{ ...ids, event_type: name, time, event_properties }] },
			};
		}
	}
}
