import { basic, judged, run } from '../../support/judge.ts';
import { respond } from '../../support/local-provider.ts';
import { samples } from '../../support/samples.ts';

describe('mixpanel', () => {
	const { projectToken, serviceAccountUsername, serviceAccountSecret } = samples.mixpanel;

	it.each([
		['us', 'api.mixpanel.com'],
		['eu', 'api-eu.mixpanel.com'],
		['in', 'api-in.mixpanel.com'],
	])(
		'tries the token, and then the service account on its project (%s)',
		async (dataResidency, host) => {
			const { outcome, provider } = await run(
				'mixpanel',
				{ ...samples.mixpanel, dataResidency },
				respond(200, { code: 200, num_records_imported: 0, status: 'OK' }),
			);
			expect(outcome.verdict).toBe('verified');
			const path = '/import?strict=1';
			expect(provider.received).toEqual([
				expect.objectContaining({ method: 'POST', host, path, body: '[]' }),
				expect.objectContaining({
					method: 'POST',
					host,
					path: `${path}&project_id=${samples.mixpanel.projectId}`,
					body: '[]',
				}),
			]);
			expect(provider.received.map(({ headers }) => headers.authorization)).toEqual([
				basic(projectToken, ''),
				basic(serviceAccountUsername, serviceAccountSecret),
			]);
		},
	);

	it.each([
		['us', 'api.mixpanel.com'],
		['eu', 'api-eu.mixpanel.com'],
		['in', 'api-in.mixpanel.com'],
	])('imports nothing with the token alone (%s)', async (dataResidency, host) => {
		const { outcome, provider } = await run(
			'mixpanel',
			{ projectToken, dataResidency },
			respond(200, { code: 200, num_records_imported: 0, status: 'OK' }),
		);
		expect(outcome.verdict).toBe('verified');
		expect(provider.received).toEqual([
			expect.objectContaining({ method: 'POST', host, path: '/import?strict=1', body: '[]' }),
		]);
		expect(provider.received[0]?.headers.authorization).toBe(basic(projectToken, ''));
	});

	it('knows wrong credentials by their 401', async () => {
		const refuse = respond(401, { code: 401, error: 'Invalid credentials', status: projectToken });
		expect(await judged('mixpanel', samples.mixpanel, refuse)).toBe('failed invalid_credentials');
		expect(await judged('mixpanel', { projectToken }, refuse)).toBe('failed invalid_credentials');
	});

	it('does not blame the token for a refused empty list', async () => {
		expect(await judged('mixpanel', { projectToken }, respond(400, { code: 400 }))).toBe(
			'inconclusive rejected',
		);
	});
});
