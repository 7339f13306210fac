import { basic, judged, run } from '../../support/judge.ts';
import { respond } from '../../support/local-provider.ts';
import { samples } from '../../support/samples.ts';

describe('amplitude', () => {
	const { apiKey, secretKey } = samples.amplitude;

	it.each([
		['us', 'amplitude.com'],
		['eu', 'analytics.eu.amplitude.com'],
	])('searches for a user with both keys (%s)', async (dataResidency, host) => {
		const { outcome, provider } = await run(
			'amplitude',
			{ apiKey, secretKey, dataResidency },
			respond(200, { matches: [] }),
		);
		expect(outcome.verdict).toBe('verified');
		expect(provider.received).toEqual([
			expect.objectContaining({
				method: 'GET',
				host,
				path: '/api/2/usersearch?user=connection-test',
			}),
		]);
		expect(provider.received[0]?.headers.authorization).toBe(basic(apiKey, secretKey));
	});

	it.each([401, 403])('knows wrong keys by their %i', async (status) => {
		expect(await judged('amplitude', samples.amplitude, respond(status, ''))).toBe(
			'failed invalid_credentials',
		);
	});

	it.each([
		['us', 'api2.amplitude.com'],
		['eu', 'api.eu.amplitude.com'],
	])('sends no events with the API key alone (%s)', async (dataResidency, host) => {
		const { outcome, provider } = await run(
			'amplitude',
			{ apiKey, dataResidency },
			respond(200, { code: 200, events_ingested: 0 }),
		);
		expect(outcome.verdict).toBe('verified');
		expect(provider.received).toEqual([
			expect.objectContaining({ method: 'POST', host, path: '/2/httpapi' }),
		]);
		expect(JSON.parse(provider.received[0]?.body ?? '')).toEqual({ api_key: apiKey, events: [] });
	});

	it('knows a wrong API key by the text, which repeats it', async () => {
		const refuse = respond(400, { code: 400, error: `Invalid API key: ${apiKey}` });
		expect(await judged('amplitude', { apiKey }, refuse)).toBe('failed invalid_credentials');
		const missing = {
			code: 400,
			error: 'Request missing required field',
			missing_field: 'api_key',
		};
		expect(await judged('amplitude', { apiKey }, respond(400, missing))).toBe(
			'failed invalid_credentials',
		);
	});

	it('takes an objection to the empty list for no objection to the key', async () => {
		const answer = { code: 400, error: 'Request missing required field', missing_field: 'events' };
		expect(await judged('amplitude', { apiKey }, respond(400, answer))).toBe('partial accepted');
	});

	it('takes any other objection for a refusal', async () => {
		const answer = { code: 400, error: 'Invalid JSON', missing_field: { toString: 1, valueOf: 1 } };
		expect(await judged('amplitude', { apiKey }, respond(400, answer))).toBe('failed rejected');
	});

	it('takes an error page of a load balancer for a refusal', async () => {
		expect(await judged('amplitude', { apiKey }, respond(400, '<html>'))).toBe('failed rejected');
	});
});
