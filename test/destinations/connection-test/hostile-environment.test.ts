import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';

const script = join(__dirname, '../support/hostile-environment.ts');

it('is not swayed by proxy variables, switched-off certificate checks, or a ban on eval', async () => {
	let proxied = 0;
	const proxy = createServer((socket) => {
		proxied += 1;
		socket.destroy();
	});
	await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
	const address = proxy.address();
	const port = typeof address === 'object' && address !== null ? address.port : 0;
	const url = `http://127.0.0.1:${port}`;

	const { stdout } = await promisify(execFile)(
		process.execPath,
		['--disallow-code-generation-from-strings', '--import', 'tsx', script],
		{
			env: {
				...process.env,
				NODE_TLS_REJECT_UNAUTHORIZED: '0',
				NODE_USE_ENV_PROXY: '1',
				...{ HTTPS_PROXY: url, https_proxy: url, HTTP_PROXY: url, ALL_PROXY: url, NO_PROXY: '' },
			},
		},
	);
	await new Promise((done) => proxy.close(done));
	expect(JSON.parse(stdout)).toEqual({ codes: ['verified', 'tls_failed'], requests: 0 });
	expect(proxied).toBe(0);
});
