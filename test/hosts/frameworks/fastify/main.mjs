import { createDestinationsClient, toProblem } from '@consent-io/destinations';
import fastify from 'fastify';

const db = createDestinationsClient();
const app = fastify();
app.setErrorHandler((error, _request, reply) => {
	const problem = toProblem(error);
	return reply.status(problem.status).send(problem);
});
app.get('/destinations', async (request) => {
	const scope = db.forOrganization(request.headers['x-organization']);
	const { items } = await scope.destinations.list();
	return items.map(({ name }) => name);
});
app.addHook('onClose', () => db.close());
await app.listen({ port: Number(process.env.PORT) });
process.once('SIGTERM', () => app.close());
