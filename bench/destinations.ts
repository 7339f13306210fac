import { request } from 'node:https';
import { testSettingsOn } from '../src/destinations/connection-test/test-settings.ts';
import { type DestinationType, destinationTypes } from '../src/destinations/registry.ts';
import { validateSettings } from '../src/destinations/validate.ts';
import {
	type LocalProvider,
	respond,
	startProvider,
	stopProviders,
} from '../test/destinations/support/local-provider.ts';
import { measure, quantile } from './measure.ts';
import type { Figure, Report } from './report.ts';

const hex = '0123456789abcdef'.repeat(2);
const posthog = { apiKey: `phc_${'a'.repeat(43)}` };

export const validSettings: Readonly<Record<DestinationType, object>> = {
	posthog,
	'meta-pixel': { pixelId: '1234567890', accessToken: `EAAB${'a'.repeat(60)}` },
	'google-analytics': { measurementId: 'G-ABCDEF1234', apiSecret: 'a'.repeat(22) },
	mixpanel: { projectToken: hex, dataResidency: 'eu' },
	amplitude: { apiKey: hex, dataResidency: 'eu' },
	console: {},
};

/** What validating settings takes, and what a connection test adds to the provider's own time. */
export async function benchDestinations(): Promise<Report> {
	return {
		title: 'Settings of the destination types',
		figures: [...destinationTypes.map(measureValidation), await measureConnectionTest()],
	};
}

function measureValidation(type: DestinationType): Figure {
	const [batches, size] = [60, 2000];
	const times: number[] = [];
	for (let batch = 0; batch < batches; batch += 1) {
		const start = performance.now();
		for (let run = 0; run < size; run += 1) validateSettings(type, validSettings[type]);
		// The first batches warm up.
		if (batch >= 10) times.push(((performance.now() - start) * 1000) / size);
	}
	return {
		name: `validate settings, ${type}`,
		value: quantile(times, 0.5),
		unit: 'µs',
		bound: { atMost: 10 },
		detail: `median of ${times.length} batches of ${size}; slowest ${Math.max(...times).toFixed(1)} µs`,
	};
}

async function measureConnectionTest(): Promise<Figure> {
	const provider = await startProvider(respond(200, { featureFlags: {} }));
	try {
		const [bare, test] = await measure(
			[
				{ name: 'bare', run: () => bareRequest(provider) },
				{ name: 'test', run: () => testSettingsOn(provider.network, 'posthog', posthog) },
			],
			{ rounds: 20, repeats: 10 },
		);
		if (bare === undefined || test === undefined) throw new Error('Nothing was measured');
		return {
			name: 'a connection test, beyond the same request made bare',
			value: test.median - bare.median,
			unit: 'ms',
			bound: { atMost: 5 },
			detail: `${test.median.toFixed(2)} ms against ${bare.median.toFixed(2)} ms, TLS included`,
		};
	} finally {
		await stopProviders();
	}
}

function bareRequest({ port, network }: LocalProvider): Promise<void> {
	return new Promise((resolve, reject) => {
		const sent = request(
			{
				host: '127.0.0.1',
				port,
				servername: 'eu.i.posthog.com',
				method: 'POST',
				path: '/flags/?v=2',
				ca: network.ca,
				agent: false,
			},
			(response) => response.resume().on('end', resolve),
		);
		sent.on('error', reject).end('{}');
	});
}
