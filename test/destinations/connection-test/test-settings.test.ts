import { getEventListeners } from 'node:events';
import { inspect } from 'node:util';
import { internet } from '../../../src/destinations/connection-test/network.ts';
import {
	testSettings,
	testSettingsOn,
} from '../../../src/destinations/connection-test/test-settings.ts';
import { eventually, startProvider, stopProviders } from '../support/local-provider.ts';
import { samples } from '../support/samples.ts';
import { watchTcpConnections } from '../support/tcp-connections.ts';
import { goodAnswer, testHost } from '../support/test-host.ts';

const connections = watchTcpConnections();
afterEach(stopProviders);

describe('a caller', () => {
	it('can cancel a running test, which rejects with the reason', async () => {
		const provider = await startProvider(() => {});
		const controller = new AbortController();
		const reason = new Error('navigated away');
		const test = testHost(provider, 'https://eu.i.posthog.com', { signal: controller.signal });
		setTimeout(() => controller.abort(reason), 50);
		await expect(test).rejects.toBe(reason);
		await eventually(() => provider.open() === 0);
	});

	it('can cancel while the name is being resolved', async () => {
		const provider = await startProvider(goodAnswer, { hangingDns: true });
		const controller = new AbortController();
		const test = testHost(provider, 'https://eu.i.posthog.com', { signal: controller.signal });
		setTimeout(() => controller.abort('stop'), 20);
		await expect(test).rejects.toBe('stop');
	});

	it('finds nothing left on a signal of its own', async () => {
		const provider = await startProvider(goodAnswer);
		const { signal } = new AbortController();
		await testHost(provider, 'https://eu.i.posthog.com', { signal });
		expect(getEventListeners(signal, 'abort')).toEqual([]);
	});

	it('who has cancelled already gets the reason, and nothing is sent', async () => {
		const provider = await startProvider(goodAnswer);
		const reason = new Error('too late');
		const signal = AbortSignal.abort(reason);
		await expect(testHost(provider, 'https://eu.i.posthog.com', { signal })).rejects.toBe(reason);
		expect(provider.lookups).toEqual([]);
	});

	it('gets an outcome for settings that do not validate, and nothing is sent', async () => {
		const provider = await startProvider(goodAnswer);
		const secret = 'phx_personalKeyThatIsSecret';
		const outcome = await testSettingsOn(provider.network, 'posthog', { apiKey: secret });
		expect(outcome).toMatchObject({ ok: false, verdict: 'failed', code: 'invalid_settings' });
		expect(outcome.message).toContain('personal API key');
		expect(inspect(outcome)).not.toContain(secret);
		// A type from a caller without types.
		const unknown = await testSettingsOn(provider.network, 'toString' as never, {});
		expect(unknown).toMatchObject({ code: 'invalid_settings' });
		expect(provider.lookups).toEqual([]);
	});

	it('gets no further on the real network either, where a name leads to this machine', async () => {
		const settings = { ...samples.posthog, host: 'https://127.0.0.1.nip.io' };
		const options = { allowedHosts: ['127.0.0.1.nip.io'] };
		// Where there is no DNS at all, that name is not found.
		expect((await testSettings('posthog', settings, options)).code).toMatch(
			/^(address_not_allowed|host_not_found)$/,
		);
		expect(connections()).toEqual([]);
	});

	it('cannot reach the network of the tests through the options', async () => {
		const provider = await startProvider(goodAnswer);
		const host = 'https://posthog.example';
		const settings = { ...samples.posthog, host };
		for (const options of [{ network: provider.network }, provider.network] as object[]) {
			const test = testSettings('posthog', settings, options);
			await expect(test).rejects.toMatchObject({ code: 'VALIDATION' });
		}
		expect(await testSettings('posthog', settings)).toMatchObject({ code: 'host_not_allowed' });
		expect(internet.permittedAddresses.size).toBe(0);
		expect(internet.timeLimitMs).toBe(10_000);
		expect(connections()).toEqual([]);
	});
});
