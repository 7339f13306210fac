import type { DestinationsClient } from '@consent-io/destinations';
import fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify';
import type { Authenticate } from './caller.ts';
import { destinationRoutes } from './destination-routes.ts';
import { answerTo } from './http-errors.ts';

export interface ServiceOptions {
	/** One for the whole process. The service closes it when it is closed itself. */
	readonly db: DestinationsClient;
	readonly authenticate: Authenticate;
	readonly logger: NonNullable<FastifyServerOptions['logger']>;
}

export function createService({ db, authenticate, logger }: ServiceOptions): FastifyInstance {
	// A destination is a name, some keys and some switches.
	const app = fastify({ logger, bodyLimit: 64 * 1024 });
	app.removeContentTypeParser('text/plain');
	closeGracefully(app, db);

	app.setErrorHandler((error, request, reply) => {
		const { status, headers, error: told } = answerTo(error);
		if (status >= 500) request.log.error({ err: error }, 'request failed');
		else request.log.info({ code: told.code }, 'request refused');
		return reply
			.status(status)
			.headers(headers ?? {})
			.send({ error: told });
	});
	app.setNotFoundHandler((_request, reply) =>
		reply.status(404).send({ error: { code: 'NO_ROUTE', message: 'There is no such route.' } }),
	);

	app.get('/health', async (request, reply) => {
		try {
			await db.connect();
			return { status: 'ok' };
		} catch (error) {
			request.log.error({ err: error }, 'not ready');
			return reply.status(503).send({ status: 'unavailable' });
		}
	});
	app.register(destinationRoutes, { prefix: '/destinations', db, authenticate });
	return app;
}

function closeGracefully(app: FastifyInstance, db: DestinationsClient): void {
	let isClosing = false;
	app.addHook('preClose', async () => {
		isClosing = true;
	});
	// The connection of a request that was under way would be kept open, and the process with it.
	app.addHook('onSend', async (_request, reply) => {
		if (isClosing) reply.header('connection', 'close');
	});
	// Runs when no request is under way any more.
	app.addHook('onClose', () => db.close());
}
