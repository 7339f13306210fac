import { run } from '../../support/judge.ts';
import { respond } from '../../support/local-provider.ts';

describe('console', () => {
	it('is always connected, and sends nothing', async () => {
		const { outcome, provider } = await run('console', {}, respond(500, ''));
		expect(outcome).toMatchObject({ ok: true, verdict: 'verified' });
		expect(provider.connections()).toBe(0);
		expect(provider.lookups).toEqual([]);
	});
});
