import { guardedRequest } from '../../../src/destinations/connection-test/guarded-request.ts';
import { ConfigurationError } from '../../../src/errors.ts';
import { type LocalProvider, startProvider, stopProviders } from '../support/local-provider.ts';
import { watchTcpConnections } from '../support/tcp-connections.ts';
import { goodAnswer, testHost } from '../support/test-host.ts';

const connections = watchTcpConnections();
afterEach(stopProviders);

/** The failure code of one request straight through the guard, past the schema's own check of `host`. */
async function requested(provider: LocalProvider, url: string, allowed = new URL(url).host) {
	const limits = {
		network: provider.network,
		hosts: new Set([allowed]),
		signal: AbortSignal.timeout(5_000),
	};
	return guardedRequest({ method: 'GET', url }, limits).then(
		({ status }) => status,
		(error: { judgement: { code: string } }) => error.judgement.code,
	);
}

describe('the host', () => {
	it.each([
		['https://eu.i.posthog.com', 'eu.i.posthog.com'],
		['https://US.i.posthog.com/', 'us.i.posthog.com'],
		['https://eu.i.posthog.com.', 'eu.i.posthog.com'],
	])('may be PostHog Cloud: %s', async (host, name) => {
		const provider = await startProvider(goodAnswer);
		expect(await testHost(provider, host)).toMatchObject({ code: 'verified' });
		expect(provider.lookups).toEqual([name]);
		expect(provider.received[0]?.host).toBe(name);
	});

	it('is refused when the deployment does not allow it, before any look-up', async () => {
		const provider = await startProvider(goodAnswer);
		for (const host of [
			'https://posthog.example',
			'https://eu.i.posthog.com.posthog.example',
			'https://eu.i.posthog.com:8443',
			'https://169.254.169.253.nip.io',
		]) {
			expect(await testHost(provider, host)).toMatchObject({
				ok: false,
				// Nobody was asked, so nothing is known of the settings; and a tenant is not told of options.
				verdict: 'inconclusive',
				code: 'host_not_allowed',
				message: expect.not.stringContaining('allowedHosts'),
			});
		}
		expect(provider.lookups).toEqual([]);
		expect(connections()).toEqual([]);
	});

	it('may be one that the deployment allows, by name and port', async () => {
		const provider = await startProvider(goodAnswer);
		const test = (host: string, allowed: string) =>
			testHost(provider, host, { allowedHosts: [allowed] }).then(({ code }) => code);
		expect(await test('https://posthog.example', 'PostHog.example.')).toBe('verified');
		expect(await test('https://posthog.example:8443', 'posthog.example:8443')).toBe('verified');
		expect(await test('https://posthog.example.:8443', 'posthog.example:8443')).toBe('verified');
		expect(await test('https://posthog.example:8443', 'posthog.example')).toBe('host_not_allowed');
		expect(await test('https://a.posthog.example', 'posthog.example')).toBe('host_not_allowed');
	});

	it.each([
		'https://posthog.example',
		'posthog.example/x',
		'user@posthog.example',
		'a b',
		'*.posthog.example',
		'',
		'.',
		'..',
		'posthog.example..',
		'.posthog.example',
		'posthog..example',
		'posthog.example:0',
		'posthog.example:65536',
		'posthog.example:-1',
		'posthog.example:x',
		'posthog.example?x',
		'posthog.example#x',
		'posthog.example\\x',
		' posthog.example',
		'posthog.example\n',
		'http://posthog.example',
		'//posthog.example',
		'localhost',
		'LOCALHOST.',
		'posthog.localhost',
		'posthog',
		'posthog.internal',
		'127.0.0.1',
		'127.1.',
		'10.0.0.1:8443',
		'[::1]',
		'0x7f.1',
		'a'.repeat(64),
		`${'a'.repeat(64)}.example`,
		null,
		5,
		{},
		['posthog.example'],
		undefined,
	] as string[])('list of the deployment does not take %j', async (entry) => {
		const provider = await startProvider(goodAnswer);
		const test = testHost(provider, 'https://eu.i.posthog.com', { allowedHosts: [entry] });
		await expect(test).rejects.toThrow(ConfigurationError);
	});

	it.each([
		'http://eu.i.posthog.com',
		'https://user:pass@eu.i.posthog.com',
		'https://user@eu.i.posthog.com',
		'https://eu.i.posthog.com?x=1',
		'https://eu.i.posthog.com/?',
		'https://eu.i.posthog.com#x',
		'https://eu.i.posthog.com\\@evil.example',
		'https://..',
		'ftp://eu.i.posthog.com',
		'eu.i.posthog.com',
		'javascript:alert(1)',
	])('is refused as a setting: %s', async (host) => {
		const provider = await startProvider(goodAnswer);
		const allowedHosts = ['evil.example'];
		expect(await testHost(provider, host, { allowedHosts })).toMatchObject({
			verdict: 'failed',
			code: 'invalid_settings',
		});
		expect(provider.lookups).toEqual([]);
		expect(connections()).toEqual([]);
	});

	// Settings that a developer's browser has a use for. No request of this package follows them.
	it.each([
		'https://127.0.0.1',
		'https://0x7f.1',
		'https://2130706433',
		'https://017700000001',
		'https://127.0.0.1.',
		'https://[::1]',
		'https://[::ffff:127.0.0.1]',
		'https://[::127.0.0.1]',
		'https://[64:ff9b::7f00:1]',
		'https://[2002:7f00:1::]',
		'https://[fd00:ec2::254]',
		'https://169.254.169.254',
		'https://10.0.0.1',
		'https://①②⑦.0.0.1',
		'http://localhost:8000',
		'https://posthog.internal/ingest',
		'http://169.254.169.254/latest',
	])('is never called where it is local: %s', async (host) => {
		const provider = await startProvider(goodAnswer);
		const allowedHosts = ['evil.example'];
		expect(await testHost(provider, host, { allowedHosts })).toMatchObject({
			verdict: 'inconclusive',
			code: 'host_not_allowed',
		});
		expect(provider.lookups).toEqual([]);
		expect(connections()).toEqual([]);
	});

	it('may have a path, which requests are sent below', async () => {
		const provider = await startProvider(goodAnswer);
		const allowedHosts = ['posthog.example'];
		const outcome = await testHost(provider, 'https://posthog.example/ingest/', { allowedHosts });
		expect(outcome.code).toBe('verified');
		expect(provider.received[0]?.path).toBe('/ingest/flags/?v=2');
	});

	it.each([
		'https://10.0.0.1/',
		'https://0x7f.2/',
		'https://2130706434/',
		'https://127.0.0.2./',
		'https://[::ffff:127.0.0.1]/',
		'https://[::127.0.0.1]/',
		'https://[64:ff9b::7f00:1]/',
		'https://[64:ff9b:1::7f00:1]/',
		'https://[2002:7f00:1::]/',
		'https://[2001:0:7f00:1::]/',
		'https://[fe80::1]/',
		'https://169.254.169.254/latest/meta-data/',
		'https://100.100.100.200/',
		'https://0.0.0.0/',
		'https://255.255.255.255/',
		'https://[::]/',
	])('is checked once more in the request, where no look-up would see it: %s', async (url) => {
		const provider = await startProvider(goodAnswer);
		const host = new URL(url).host.replace(/\.$/, '');
		expect(await requested(provider, url, host)).toBe('address_not_allowed');
		expect(connections()).toEqual([]);
	});

	it('is checked once more in the request: scheme, credentials and list', async () => {
		const provider = await startProvider(goodAnswer);
		expect(await requested(provider, 'http://eu.i.posthog.com/')).toBe('host_not_allowed');
		expect(await requested(provider, 'https://u:p@eu.i.posthog.com/')).toBe('host_not_allowed');
		expect(await requested(provider, 'https://evil.example/', 'eu.i.posthog.com')).toBe(
			'host_not_allowed',
		);
		expect(connections()).toEqual([]);
	});
});
