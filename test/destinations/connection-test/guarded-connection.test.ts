import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { internet } from '../../../src/destinations/connection-test/network.ts';
import { testSettingsOn } from '../../../src/destinations/connection-test/test-settings.ts';
import { eventually, respond, startProvider, stopProviders } from '../support/local-provider.ts';
import { samples } from '../support/samples.ts';
import { watchTcpConnections } from '../support/tcp-connections.ts';
import { goodAnswer, testHost } from '../support/test-host.ts';

const connections = watchTcpConnections();
afterEach(stopProviders);

describe('the connection', () => {
	it.each([
		['before the headers', (flushed: boolean) => !flushed],
		['in mid-body', (flushed: boolean) => flushed],
	])('may hang %s, and then time is up', async (_when, early) => {
		const provider = await startProvider(
			(_request, response) => {
				if (!early(false)) {
					response.writeHead(200, { 'content-type': 'application/json' }).write('{"flags":');
				}
			},
			{ timeLimitMs: 150 },
		);
		const outcome = await testHost(provider, 'https://eu.i.posthog.com');
		expect(outcome).toMatchObject({ ok: false, verdict: 'inconclusive', code: 'timeout' });
		expect(outcome.durationMs).toBeGreaterThanOrEqual(145);
		expect(outcome.durationMs).toBeLessThan(internet.timeLimitMs);
		await eventually(() => provider.open() === 0);
	});

	it('has one time limit for all requests of a test', async () => {
		const provider = await startProvider(
			(request, response) => {
				// The second is never answered, so a limit for each would end it three seconds after the beginning.
				if (provider.received.length === 1) {
					setTimeout(() => respond(404, '')(request, response), 1_000);
				}
			},
			{ timeLimitMs: 2_000 },
		);
		const outcome = await testHost(provider, 'https://eu.i.posthog.com');
		expect(outcome).toMatchObject({ code: 'timeout' });
		expect(outcome.durationMs).toBeLessThan(2_900);
		expect(provider.received).toHaveLength(2);
	});

	it('is not waited for when the names are never resolved', async () => {
		const provider = await startProvider(goodAnswer, { hangingDns: true, timeLimitMs: 100 });
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({ code: 'timeout' });
		expect(connections()).toEqual([]);
	});

	it('may trickle, and time is up all the same', async () => {
		const provider = await startProvider(
			(_request, response) => {
				response.writeHead(200);
				const timer = setInterval(() => response.write(' '), 20);
				response.on('close', () => clearInterval(timer));
			},
			{ timeLimitMs: 200 },
		);
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({ code: 'timeout' });
	});

	it('may hang in the TLS handshake', async () => {
		const provider = await startProvider(goodAnswer, { timeLimitMs: 150 });
		const sockets: Socket[] = [];
		const silent = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
		await once(silent, 'listening');
		const address = silent.address();
		const port = typeof address === 'object' && address !== null ? address.port : 0;
		const outcome = await testHost(
			{ ...provider, network: { ...provider.network, port } },
			'https://eu.i.posthog.com',
		);
		expect(outcome).toMatchObject({ code: 'timeout' });
		for (const socket of sockets) {
			socket.destroy();
		}
		await new Promise((done) => silent.close(done));
	});

	it.each([
		['before the headers', false],
		['in mid-body', true],
	])('may be reset %s', async (_when, flushed) => {
		const provider = await startProvider((_request, response) => {
			if (flushed) {
				response.writeHead(200, { 'content-length': '100' }).write('{');
				setTimeout(() => response.socket?.destroy(), 20);
			} else {
				response.socket?.destroy();
			}
		});
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({
			verdict: 'inconclusive',
			code: 'connection_failed',
		});
	});

	it('may be refused', async () => {
		const provider = await startProvider(goodAnswer);
		await stopProviders();
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({
			verdict: 'inconclusive',
			code: 'connection_failed',
		});
	});

	it('needs a certificate of a known authority', async () => {
		const provider = await startProvider(goodAnswer, { distrusted: true });
		expect(await testHost(provider, 'https://eu.i.posthog.com')).toMatchObject({
			verdict: 'inconclusive',
			code: 'tls_failed',
		});
		expect(provider.received).toEqual([]);
	});

	it("needs a certificate for the host's name", async () => {
		const provider = await startProvider(goodAnswer);
		const outcome = await testHost(provider, 'https://app.posthog.com');
		expect(outcome).toMatchObject({ verdict: 'inconclusive', code: 'tls_failed' });
		expect(provider.received).toEqual([]);
	});

	it('fails when the name does not exist', async () => {
		const provider = await startProvider(goodAnswer);
		const error = Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
		const network = {
			...provider.network,
			resolve: (...[, , callback]: Parameters<typeof provider.network.resolve>) =>
				callback(error, []),
		};
		expect(await testHost({ ...provider, network }, 'https://eu.i.posthog.com')).toMatchObject({
			verdict: 'inconclusive',
			code: 'host_not_found',
		});
	});

	it('names the host in the TLS handshake, as shared hosting needs it', async () => {
		const provider = await startProvider(goodAnswer);
		await testHost(provider, 'https://us.i.posthog.com.');
		expect(provider.received[0]?.servername).toBe('us.i.posthog.com');
	});

	it('is closed at once where only the status matters', async () => {
		const provider = await startProvider((_request, response) => {
			response.writeHead(200).write('the start of an endless list');
		});
		const outcome = await testSettingsOn(provider.network, 'mixpanel', samples.mixpanel);
		expect(outcome).toMatchObject({ verdict: 'verified' });
		await eventually(() => provider.open() === 0);
	});

	it('is closed after the test', async () => {
		const provider = await startProvider(goodAnswer);
		await testHost(provider, 'https://eu.i.posthog.com');
		await eventually(() => provider.open() === 0);
	});
});
