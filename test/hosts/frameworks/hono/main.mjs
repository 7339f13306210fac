import { createDestinationsClient, toProblem } from '@consent-io/destinations';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const db = createDestinationsClient();
const app = new Hono();
app.onError((error, context) => {
	const problem = toProblem(error);
	return context.json(problem, problem.status);
});
app.get('/destinations', async (context) => {
	const { items } = await db
		.forOrganization(context.req.header('x-organization'))
		.destinations.list();
	return context.json(items.map(({ name }) => name));
});
const server = serve({ fetch: app.fetch, port: Number(process.env.PORT) });
process.once('SIGTERM', () => server.close(() => db.close()));
