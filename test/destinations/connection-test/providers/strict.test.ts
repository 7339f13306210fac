import { judged } from '../../support/judge.ts';
import { samples } from '../../support/samples.ts';
import { consumer, otherObject, strictProviders } from '../../support/strict-provider.ts';

const { mixpanel, amplitude, posthog } = samples;
const pixel = samples['meta-pixel'];
const ga = samples['google-analytics'];
const { secretKey: _, ...amplitudeKey } = amplitude;
const { projectToken } = mixpanel;

// Each against a stand-in that checks what its provider checks.
it.each([
	['posthog', posthog, 'verified verified'],
	['posthog', { ...posthog, apiKey: 'phc_another' }, 'failed invalid_credentials'],
	['posthog', { ...posthog, host: 'https://us.i.posthog.com' }, 'failed invalid_credentials'],
	['posthog', { ...posthog, host: 'https://shop.example/ingest' }, 'inconclusive host_not_allowed'],
	['posthog', { ...posthog, host: 'http://localhost:8000' }, 'inconclusive host_not_allowed'],
	['meta-pixel', pixel, 'verified verified'],
	['meta-pixel', { ...pixel, apiVersion: undefined }, 'verified verified'],
	['meta-pixel', { ...pixel, accessToken: 'EAAanother' }, 'failed invalid_credentials'],
	['meta-pixel', { ...pixel, pixelId: '55555555' }, 'failed not_visible'],
	['meta-pixel', { ...pixel, pixelId: otherObject }, 'failed not_visible'],
	['meta-pixel', { ...pixel, apiVersion: 'v28.0' }, 'failed rejected'],
	[
		'meta-pixel',
		{ pixelId: pixel.pixelId, enableServerSide: false },
		'inconclusive nothing_to_test',
	],
	['google-analytics', ga, 'partial accepted'],
	[
		'google-analytics',
		{ measurementId: 'G-A', enableServerSide: false },
		'inconclusive nothing_to_test',
	],
	['mixpanel', mixpanel, 'verified verified'],
	['mixpanel', { projectToken, dataResidency: 'eu' }, 'verified verified'],
	// A service account never makes the test weaker.
	['mixpanel', { ...mixpanel, projectToken: 'f'.repeat(32) }, 'failed invalid_credentials'],
	['mixpanel', { ...mixpanel, dataResidency: 'us' }, 'failed invalid_credentials'],
	['mixpanel', { ...mixpanel, serviceAccountSecret: 'another' }, 'failed invalid_credentials'],
	['mixpanel', { ...mixpanel, projectId: '1' }, 'failed permission_missing'],
	['mixpanel', { ...mixpanel, serviceAccountUsername: consumer }, 'failed permission_missing'],
	['amplitude', amplitude, 'verified verified'],
	['amplitude', { ...amplitude, secretKey: 'another' }, 'failed invalid_credentials'],
	['amplitude', { ...amplitude, dataResidency: 'us' }, 'failed invalid_credentials'],
	['amplitude', amplitudeKey, 'verified verified'],
	['amplitude', { ...amplitudeKey, apiKey: 'another' }, 'failed invalid_credentials'],
	['amplitude', { ...amplitudeKey, dataResidency: 'us' }, 'failed invalid_credentials'],
] as const)('%s with %j is %s', async (type, settings, judgement) => {
	expect(await judged(type, settings, strictProviders)).toBe(judgement);
});
