import { inspect } from 'node:util';
import type { ConnectionTestOutcome } from '../../../src/destinations/connection-test/outcome.ts';
import { testSettingsOn } from '../../../src/destinations/connection-test/test-settings.ts';
import type { DestinationType } from '../../../src/destinations/registry.ts';
import {
	type Handler,
	type LocalProvider,
	startProvider,
	stopProviders,
} from './local-provider.ts';
import { sampleSecrets, samples } from './samples.ts';
import { watchTcpConnections } from './tcp-connections.ts';

const keys = [
	...sampleSecrets,
	samples.posthog.apiKey,
	samples.amplitude.apiKey,
	samples.mixpanel.projectToken,
];

const connections = watchTcpConnections();
afterEach(stopProviders);

/**
 * Tests settings against a local server that answers as a handler says. Holds for every test: the outcome is
 * well-formed and shows no key, and no connection went anywhere but to that server.
 */
export async function run(
	type: DestinationType,
	settings: object,
	handler: Handler,
): Promise<{ outcome: ConnectionTestOutcome; provider: LocalProvider }> {
	const provider = await startProvider(handler);
	const before = connections().length;
	const outcome = await testSettingsOn(provider.network, type, settings);
	const shown = inspect(outcome) + JSON.stringify(outcome);
	for (const key of keys) {
		expect(shown).not.toContain(key);
	}
	expect(outcome.message.length).toBeLessThanOrEqual(500);
	expect(outcome.ok).toBe(outcome.verdict === 'verified' || outcome.verdict === 'partial');
	expect(connections().slice(before)).toEqual(
		provider.received.map(() => `127.0.0.1:${provider.port}`),
	);
	return { outcome, provider };
}

/** The verdict and the code that an answer leads to. */
export async function judged(type: DestinationType, settings: object, handler: Handler) {
	const { outcome } = await run(type, settings, handler);
	return `${outcome.verdict} ${outcome.code}`;
}

/** An Authorization header of HTTP Basic. */
export function basic(user: string, password: string): string {
	return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
