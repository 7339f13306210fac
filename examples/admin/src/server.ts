import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { toProblem } from '@consent-io/destinations';
import { build } from 'esbuild';
import fastify, { type FastifyInstance } from 'fastify';
import { destinationRoutes, type RouteOptions } from './destination-routes.ts';

/** Serves the page, and what it asks for. */
export async function createServer({ scopeOf }: RouteOptions): Promise<FastifyInstance> {
	const [html, css, script] = await Promise.all([
		readFile(pagePath('index.html'), 'utf8'),
		readFile(pagePath('style.css'), 'utf8'),
		bundle(),
	]);
	const app = fastify({ bodyLimit: 64 * 1024 });
	// A form of another site can send plain text, and no JSON.
	app.removeContentTypeParser('text/plain');
	app.addHook('onSend', async (_request, reply) => {
		reply.headers({
			'content-security-policy': "default-src 'self'; frame-ancestors 'none'",
			'cache-control': 'no-store',
		});
	});
	app.setErrorHandler((error, _request, reply) => {
		const problem = refusalOf(error) ?? toProblem(error);
		if (problem.status >= 500) process.stderr.write(`${problem.code}\n`);
		return reply.status(problem.status).type('application/problem+json').send(problem);
	});
	app.get('/', (_request, reply) => reply.type('text/html').send(html));
	app.get('/style.css', (_request, reply) => reply.type('text/css').send(css));
	app.get('/favicon.ico', (_request, reply) => reply.status(204).send());
	app.get('/page.js', (_request, reply) => reply.type('text/javascript').send(script));
	app.register(destinationRoutes, { prefix: '/api', scopeOf });
	return app;
}

function pagePath(name: string): string {
	return fileURLToPath(new URL(`../page/${name}`, import.meta.url));
}

async function bundle(): Promise<string> {
	const { outputFiles } = await build({
		entryPoints: [pagePath('main.ts')],
		...{ bundle: true, format: 'esm', target: 'es2022', write: false },
	});
	const [file] = outputFiles;
	if (file === undefined) throw new Error('The page was not bundled');
	return file.text;
}

/** What Fastify refused, such as a body that is no JSON. */
function refusalOf(error: unknown) {
	if (!(error instanceof Error && 'statusCode' in error)) return undefined;
	const { statusCode: status } = error;
	if (typeof status !== 'number' || status < 400 || status >= 500) return undefined;
	return { status, title: 'The request was refused', code: 'REFUSED' };
}
