import { judged, run } from '../../support/judge.ts';
import { respond } from '../../support/local-provider.ts';
import { samples } from '../../support/samples.ts';

describe('google-analytics', () => {
	const settings = samples['google-analytics'];

	it('has one event validated, and claims no more than that', async () => {
		const { outcome, provider } = await run(
			'google-analytics',
			settings,
			respond(200, { validationMessages: [] }),
		);
		expect(outcome).toMatchObject({ ok: true, verdict: 'partial', code: 'accepted' });
		const [request] = provider.received;
		expect(request).toMatchObject({ method: 'POST', host: 'www.google-analytics.com' });
		const url = new URL(request?.path ?? '', 'https://www.google-analytics.com');
		expect(url.pathname).toBe('/debug/mp/collect');
		expect(Object.fromEntries(url.searchParams)).toEqual({
			measurement_id: settings.measurementId,
			api_secret: settings.apiSecret,
		});
		expect(JSON.parse(request?.body ?? '')).toMatchObject({
			validation_behavior: 'ENFORCE_RECOMMENDATIONS',
			events: [{ name: 'connection_test' }],
		});
	});

	it("passes on Google's messages, without the secret, control characters and length", async () => {
		const description = `Bad\nmeasurement_id for ${settings.apiSecret} ${encodeURIComponent(settings.apiSecret)}`;
		const long = { fieldPath: 'measurement_id', description: 'x'.repeat(1000) };
		const { outcome } = await run(
			'google-analytics',
			settings,
			respond(200, { validationMessages: [{ description }, 'junk', null, long] }),
		);
		expect(outcome).toMatchObject({ verdict: 'failed', code: 'rejected' });
		expect(outcome.message).toMatch(
			/^Google Analytics: Bad measurement_id for •+ •+ measurement_id: x+$/,
		);
		expect(outcome.message).toHaveLength(500);
	});

	it('hides a secret that an URL writes differently', async () => {
		const apiSecret = 'a+b/c=d+e/f=0123456789';
		const description = `api_secret ${apiSecret} ${encodeURIComponent(apiSecret)}`;
		const { outcome } = await run(
			'google-analytics',
			{ ...settings, apiSecret },
			respond(200, { validationMessages: [{ description }] }),
		);
		expect(outcome.message).not.toMatch(/0123456789/);
	});

	it('hides the whole of a secret that contains another setting', async () => {
		const apiSecret = `x${settings.measurementId}-tail`;
		const { outcome } = await run(
			'google-analytics',
			{ ...settings, apiSecret },
			respond(200, { validationMessages: [{ description: `api_secret ${apiSecret}.` }] }),
		);
		expect(outcome.message).toBe('Google Analytics: api_secret ••••••••.');
	});

	it('does not blame the settings for what it sent itself', async () => {
		const messages = [
			{ fieldPath: 'client_id', description: 'client_id should be in <number>.<number> format.' },
			{ fieldPath: 'events', description: 'Event at index: [0] has invalid name.' },
		];
		for (const validationMessages of [messages, [{}], ['junk']]) {
			expect(await judged('google-analytics', settings, respond(200, { validationMessages }))).toBe(
				'inconclusive rejected',
			);
		}
	});

	it('does not take an answer without validationMessages for success', async () => {
		expect(await judged('google-analytics', settings, respond(200, {}))).toBe(
			'failed unexpected_response',
		);
	});
});
