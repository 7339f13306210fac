import { inspect } from 'node:util';
import { testSettingsOn } from '../../../../src/destinations/connection-test/test-settings.ts';
import { judged, run } from '../../support/judge.ts';
import { type Handler, respond, startProvider } from '../../support/local-provider.ts';
import { samples } from '../../support/samples.ts';

describe('posthog', () => {
	const ask = (handler: Handler) => judged('posthog', samples.posthog, handler);

	it('asks /flags, with the flags switched off, and believes an answer with flags', async () => {
		const { outcome, provider } = await run(
			'posthog',
			samples.posthog,
			respond(200, { flags: {}, errorsWhileComputingFlags: false }),
		);
		expect(outcome).toMatchObject({ ok: true, verdict: 'verified', code: 'verified' });
		expect(provider.received).toEqual([
			expect.objectContaining({ method: 'POST', host: 'eu.i.posthog.com', path: '/flags/?v=2' }),
		]);
		expect(JSON.parse(provider.received[0]?.body ?? '')).toEqual({
			api_key: samples.posthog.apiKey,
			distinct_id: 'connection-test',
			disable_flags: true,
		});
		expect(provider.received[0]?.headers).toMatchObject({
			'content-type': 'application/json',
			'accept-encoding': 'identity',
		});
	});

	it('knows a wrong key or region by its 401', async () => {
		const { outcome } = await run(
			'posthog',
			samples.posthog,
			respond(401, { detail: `Invalid ${samples.posthog.apiKey}` }),
		);
		expect(outcome).toMatchObject({ verdict: 'failed', code: 'invalid_credentials' });
		expect(outcome.message).toContain('region');
	});

	it('asks /decide of an old self-hosted version that has no /flags', async () => {
		const { outcome, provider } = await run('posthog', samples.posthog, (request, response) => {
			const old = request.path.startsWith('/decide/');
			respond(old ? 200 : 404, old ? { featureFlags: [] } : 'not found')(request, response);
		});
		expect(outcome.verdict).toBe('verified');
		expect(provider.received.map(({ path }) => path)).toEqual(['/flags/?v=2', '/decide/?v=3']);
	});

	it('takes a host that has neither for something else', async () => {
		expect(await ask(respond(404, 'not found'))).toBe('failed rejected');
	});

	it('takes JSON without flags for something else', async () => {
		expect(await ask(respond(200, { ok: true }))).toBe('failed unexpected_response');
	});

	it('shows nothing of what a custom host says', async () => {
		const provider = await startProvider(respond(418, 'INTERNAL-PAGE'));
		const outcome = await testSettingsOn(
			provider.network,
			'posthog',
			{ ...samples.posthog, host: 'https://posthog.example' },
			{ allowedHosts: ['posthog.example'] },
		);
		expect(provider.received).toHaveLength(1);
		expect(inspect(outcome)).not.toContain('INTERNAL');
	});
});
