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
				path: `/v25.0/${settings.pixelId}?fields=id,last_fired_time`,
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
		[32, 'inconclusive provider_unavailable'],
		[368, 'inconclusive provider_unavailable'],
		[613, 'inconclusive provider_unavailable'],
		[80004, 'inconclusive provider_unavailable'],
		[2635, 'failed rejected'],
		[2500, 'failed rejected'],
	])('judges error code %i as %s', async (code, judgement) => {
		expect(await error(code)).toBe(judgement);
	});

	it('does not blame the pixel for a permission that the token lacks', async () => {
		const answer = { error: { message: '(#100) Missing permissions', code: 100 } };
		expect(await judged('meta-pixel', settings, respond(400, answer))).toBe(
			'inconclusive permission_missing',
		);
	});

	it.each([2635, 2500])(
		'names the version of the API that Meta does not serve (%i)',
		async (code) => {
			const answer = respond(400, { error: { message: 'x', code } });
			const chosen = await run('meta-pixel', settings, answer);
			expect(chosen.outcome).toMatchObject({ verdict: 'failed' });
			expect(chosen.outcome.message).toContain('version v25.0');
			// The tenant chose none: it is this package that is out of date.
			const { apiVersion: _, ...rest } = settings;
			const own = await run('meta-pixel', rest, answer);
			expect(own.outcome).toMatchObject({ verdict: 'inconclusive' });
			expect(own.outcome.message).toMatch(/version v\d+\.0 .*settings may be right/);
		},
	);

	it('goes by the code also where the status would say otherwise', async () => {
		expect(await error(2, 403)).toBe('inconclusive provider_unavailable');
	});

	it('does not blame the settings for a failing server', async () => {
		expect(await error(100, 500)).toBe('inconclusive provider_unavailable');
	});
});
