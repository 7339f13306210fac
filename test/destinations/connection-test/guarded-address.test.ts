import { setDefaultAutoSelectFamily } from 'node:net';
import { respond, startProvider, stopProviders } from '../support/local-provider.ts';
import { watchTcpConnections } from '../support/tcp-connections.ts';
import { goodAnswer, testHost } from '../support/test-host.ts';

const connections = watchTcpConnections();
afterEach(stopProviders);

describe('the addresses of a name', () => {
	it.each([
		[['127.0.0.2']],
		[['127.0.0.1', '127.0.0.2']],
		[['127.0.0.1', '10.0.0.1']],
		[['8.8.8.8', '127.0.0.2']],
		[['2606:4700::1111', '::ffff:127.0.0.2']],
		[['::ffff:127.0.0.1']],
		[['::ffff:8.8.8.8']],
		[['64:ff9b::808:808']],
		[['2002:7f00:1::']],
		[['2001::7f00:1']],
		[['::7f00:1']],
		[['fe80::1%lo']],
		[['fd00:ec2::254']],
		[['169.254.169.254']],
		[['100.64.0.1']],
		[['192.168.1.1']],
		[['0.0.0.0']],
		[['::']],
		[['not an address']],
		[[]],
	])('must all be public: %j', async (addresses) => {
		const provider = await startProvider(goodAnswer, { resolve: () => addresses });
		const trap = await startProvider(goodAnswer, { address: '127.0.0.2', port: provider.port });
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({
			verdict: 'inconclusive',
			code: 'address_not_allowed',
		});
		expect(provider.lookups).toEqual(['eu.i.posthog.com']);
		expect(connections()).toEqual([]);
		expect(trap.connections()).toBe(0);
	});

	it('are those of the connection itself, so rebinding the name between two requests is no help', async () => {
		const provider = await startProvider(respond(404, ''), {
			resolve: (_hostname, nth) => [nth === 1 ? '127.0.0.1' : '127.0.0.2'],
		});
		const trap = await startProvider(goodAnswer, { address: '127.0.0.2', port: provider.port });
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({
			code: 'address_not_allowed',
		});
		expect(provider.lookups).toHaveLength(2);
		expect(connections()).toEqual([`127.0.0.1:${provider.port}`]);
		expect(trap.connections()).toBe(0);
	});

	it('are looked up once for each connection', async () => {
		const provider = await startProvider(goodAnswer, {
			resolve: (_hostname, nth) => [nth === 1 ? '127.0.0.1' : '127.0.0.2'],
		});
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({ ok: true });
		expect(provider.lookups).toHaveLength(1);
	});

	it('may be several, of which one does not answer', async () => {
		const provider = await startProvider(goodAnswer, { resolve: () => ['::1', '127.0.0.1'] });
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({ ok: true });
	});

	it('are checked also where Node asks for one address instead of all', async () => {
		const addresses = [['127.0.0.1'], ['127.0.0.1', '127.0.0.2']];
		const provider = await startProvider(goodAnswer, {
			resolve: (_, nth) => addresses[nth - 1] ?? [],
		});
		setDefaultAutoSelectFamily(false);
		try {
			const test = () => testHost(provider, 'https://eu.i.posthog.com').then(({ code }) => code);
			expect(await test()).toBe('verified');
			expect(await test()).toBe('address_not_allowed');
		} finally {
			setDefaultAutoSelectFamily(true);
		}
		expect(connections()).toEqual([`127.0.0.1:${provider.port}`]);
	});
});
