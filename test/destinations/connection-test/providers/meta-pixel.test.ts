import { judged, run } from '../../support/judge.ts';
import { respond } from '../../support/local-provider.ts';
import { samples } from '../../support/samples.ts';

describe('meta-pixel', () => {
	const settings = samples['meta-pixel'];
	const error = (code: number, status = 400) =>
		judged(
			'meta-pixel',
			settings,
			respond(status, { error: { message: settings.accessToken, code } }),
		);

	it('reads the pixel with the token in a header', async () => {
		const { outcome, provider } = await run(
			'meta-pixel',
			settings,
			respond(200, { id: settings.pixelId }),
		);
		expect(outcome).toMatchObject({ ok: true, verdict: 'verified' });
		expect(provider.received).toEqual([
			expect.objectContaining({
				method: 'GET',
				host: 'graph.facebook.com',
				path: `/v25.0/${settings.pixelId}?fields=id`,
			}),
		]);
		expect(provider.received[0]?.headers.authorization).toBe(`Bearer ${settings.accessToken}`);
	});

	it('wants the very pixel back', async () => {
		expect(await judged('meta-pixel', settings, respond(200, { id: '99999' }))).toBe(
			'failed unexpected_response',
		);
	});

	it.each([
		[190, 'failed invalid_credentials'],
		[102, 'failed invalid_credentials'],
		[100, 'failed not_visible'],
		[10, 'inconclusive permission_missing'],
		[200, 'inconclusive permission_missing'],
		[299, 'inconclusive permission_missing'],
		[1, 'inconclusive provider_unavailable'],
		[2, 'inconclusive provider_unavailable'],
		[4, 'inconclusive provider_unavailable'],
		[17, 'inconclusive provider_unavailable'],
		[341, 'inconclusive provider_unavailable'],
		[2635, 'failed rejected'],
	])('judges error code %i as %s', async (code, judgement) => {
		expect(await error(code)).toBe(judgement);
	});

	it('goes by the code also where the status would say otherwise', async () => {
		expect(await error(2, 403)).toBe('inconclusive provider_unavailable');
	});

	it('does not blame the settings for a failing server', async () => {
		expect(await error(100, 500)).toBe('inconclusive provider_unavailable');
	});
});
