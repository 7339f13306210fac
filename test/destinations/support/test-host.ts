import {
	type TestSettingsOptions,
	testSettingsOn,
} from '../../../src/destinations/connection-test/test-settings.ts';
import { type LocalProvider, respond } from './local-provider.ts';
import { samples } from './samples.ts';

/** An answer that PostHog gives to a good key. */
export const goodAnswer = respond(200, { flags: {} });

/** Tests a PostHog destination at a host, on the network of a local server. */
export function testHost(
	{ network }: Pick<LocalProvider, 'network'>,
	host: string,
	options?: TestSettingsOptions,
) {
	return testSettingsOn(network, 'posthog', { apiKey: samples.posthog.apiKey, host }, options);
}
