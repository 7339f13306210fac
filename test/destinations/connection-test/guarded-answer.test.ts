import { eventually, respond, startProvider, stopProviders } from '../support/local-provider.ts';
import { watchTcpConnections } from '../support/tcp-connections.ts';
import { testHost } from '../support/test-host.ts';

const connections = watchTcpConnections();
afterEach(stopProviders);

describe('the answer', () => {
	it.each([301, 302, 303, 304, 307, 308])('must be no redirect (%i)', async (status) => {
		const provider = await startProvider(
			respond(status, '', { location: 'https://127.0.0.2/latest/meta-data/' }),
		);
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({
			verdict: 'failed',
			code: 'redirected',
		});
		expect(provider.received).toHaveLength(1);
		expect(connections()).toEqual([`127.0.0.1:${provider.port}`]);
	});

	it('must not be larger than 64 KiB', async () => {
		const body = (size: number) => JSON.stringify({ flags: 'x'.repeat(size - 12) });
		expect(body(65_536)).toHaveLength(65_536);
		const fits = await startProvider(respond(200, body(65_536)));
		expect(await testHost(fits, 'https://eu.i.posthog.com')).toMatchObject({ ok: true });
		const exceeds = await startProvider(respond(200, body(65_537)));
		expect(await testHost(exceeds, 'https://eu.i.posthog.com')).toMatchObject({
			verdict: 'failed',
			code: 'response_too_large',
		});
		await eventually(() => exceeds.open() === 0);
	});

	it('is not read any further once it is too large', async () => {
		let written = 0;
		const provider = await startProvider((_request, response) => {
			response.writeHead(200);
			const chunk = Buffer.alloc(16 * 1024, 'x');
			const more = () => {
				while (!response.destroyed && response.write(chunk)) {
					written += chunk.length;
				}
				written += chunk.length;
			};
			response.on('drain', more);
			more();
		});
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({
			code: 'response_too_large',
		});
		await eventually(() => provider.open() === 0);
		// What the socket buffers of both ends hold, and not the endless rest.
		expect(written).toBeLessThan(32 * 1024 * 1024);
	});

	it('is not unpacked, so a small one cannot grow', async () => {
		const provider = await startProvider(
			respond(200, '\u001f\u008b\u0008', { 'content-encoding': 'gzip' }),
		);
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({
			code: 'unexpected_response',
		});
	});

	it('must not switch protocols', async () => {
		const provider = await startProvider((_request, response) => {
			response.writeHead(101, { upgrade: 'websocket', connection: 'upgrade' }).end();
		});
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({
			verdict: 'failed',
			code: 'unexpected_response',
		});
		await eventually(() => provider.open() === 0);
	});

	it('must be HTTP', async () => {
		const provider = await startProvider((_request, response) => {
			response.socket?.end('SSH-2.0-OpenSSH_9.6\r\n');
		});
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({
			verdict: 'failed',
			code: 'unexpected_response',
		});
	});
});
