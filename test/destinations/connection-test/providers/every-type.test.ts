import type { DestinationType } from '../../../../src/destinations/registry.ts';
import { judged, run } from '../../support/judge.ts';
import { respond } from '../../support/local-provider.ts';
import { samples } from '../../support/samples.ts';

const unspecific: [status: number, judgement: string][] = [
	[429, 'inconclusive rate_limited'],
	[408, 'inconclusive provider_unavailable'],
	[500, 'inconclusive provider_unavailable'],
	[503, 'inconclusive provider_unavailable'],
	[418, 'failed rejected'],
];

describe('every type', () => {
	const { secretKey: _, ...amplitudeKeyOnly } = samples.amplitude;
	const cases = Object.entries({
		posthog: [samples.posthog],
		'meta-pixel': [samples['meta-pixel']],
		'google-analytics': [samples['google-analytics']],
		mixpanel: [samples.mixpanel, { projectToken: samples.mixpanel.projectToken }],
		amplitude: [samples.amplitude, amplitudeKeyOnly],
	}).flatMap(([type, list]) =>
		// `Object.entries` widens the keys, which are types.
		list.map((settings) => [type as DestinationType, settings] as const),
	);

	it.each(unspecific)('judges HTTP %i as %s', async (status, judgement) => {
		for (const [type, settings] of cases) {
			expect([type, await judged(type, settings, respond(status, '<h1>no</h1>'))]).toEqual([
				type,
				judgement,
			]);
		}
	});

	it('takes a page in HTML for no answer, where the answer has to say something', async () => {
		const html = respond(200, '<!doctype html><p>Sign in</p>', { 'content-type': 'text/html' });
		for (const type of ['posthog', 'meta-pixel', 'google-analytics'] as const) {
			expect(await judged(type, samples[type], html)).toBe('failed unexpected_response');
		}
	});

	it('survives any JSON', async () => {
		for (const body of ['null', '[]', '"x"', '1', '{"error":null}', '{"error":{"code":"x"}}']) {
			for (const [type, settings] of cases) {
				for (const status of [200, 400, 401]) {
					const { outcome } = await run(type, settings, respond(status, body));
					expect(outcome.code).not.toBe('');
				}
			}
		}
	});
});
