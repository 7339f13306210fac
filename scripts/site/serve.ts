import { createReadStream, existsSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join, normalize } from 'node:path';

const types: Readonly<Record<string, string>> = {
	'.html': 'text/html; charset=utf-8',
	'.js': 'text/javascript; charset=utf-8',
	'.css': 'text/css; charset=utf-8',
	'.svg': 'image/svg+xml',
	'.png': 'image/png',
	'.json': 'application/json',
	'.woff2': 'font/woff2',
};

/** Serves a folder below a path, as a host of static files does. */
export async function serve(
	folder: string,
	base: string,
): Promise<{ server: Server; url: string }> {
	const server = createServer((request, response) => {
		const { pathname } = new URL(request.url ?? '/', 'http://localhost');
		const path = normalize(decodeURIComponent(pathname.slice(base.length)));
		const place = join(folder, path.endsWith('/') || path === '.' ? `${path}/index.html` : path);
		const found = pathname.startsWith(base) && existsSync(place) && statSync(place).isFile();
		response.writeHead(found ? 200 : 404, {
			'content-type': found ? (types[extname(place)] ?? 'application/octet-stream') : 'text/plain',
		});
		if (found) createReadStream(place).pipe(response);
		else response.end('There is no such page.');
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const address = server.address();
	const port = typeof address === 'object' && address !== null ? address.port : 0;
	return { server, url: `http://127.0.0.1:${port}${base}` };
}
