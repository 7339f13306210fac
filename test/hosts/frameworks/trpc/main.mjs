import { createServer } from 'node:http';
import {
	createDestinationsClient,
	DestinationsError,
	httpStatusOf,
} from '@consent-io/destinations';
import { createTRPCClient, httpLink } from '@trpc/client';
import { initTRPC, TRPCError } from '@trpc/server';
import { createHTTPServer } from '@trpc/server/adapters/standalone';

const db = createDestinationsClient();
const t = initTRPC.context().create();
const codes = { 400: 'BAD_REQUEST', 403: 'FORBIDDEN', 404: 'NOT_FOUND', 409: 'CONFLICT' };
const procedure = t.procedure.use(async ({ next }) => {
	const result = await next();
	const cause = result.ok ? undefined : result.error.cause;
	if (!(cause instanceof DestinationsError)) return result;
	throw new TRPCError({ code: codes[httpStatusOf(cause)] ?? 'INTERNAL_SERVER_ERROR', cause });
});
const router = t.router({
	list: procedure.query(async ({ ctx }) => {
		const { items } = await db.forOrganization(ctx.organizationId).destinations.list();
		return items.map(({ name }) => name);
	}),
});
const createContext = ({ req }) => ({ organizationId: req.headers['x-organization'] });
const rpc = createHTTPServer({ router, createContext }).listen(0);
await new Promise((resolve) => rpc.once('listening', resolve));

// A caller of its own: the client of tRPC, behind the route that the test asks.
const url = `http://localhost:${rpc.address().port}`;
const server = createServer(async (request, response) => {
	const headers = { 'x-organization': request.headers['x-organization'] };
	const client = createTRPCClient({ links: [httpLink({ url, headers })] });
	try {
		response.end(JSON.stringify(await client.list.query()));
	} catch (error) {
		response.writeHead(error.data?.httpStatus ?? 500).end('{}');
	}
});
server.listen(Number(process.env.PORT));
process.once('SIGTERM', () => {
	rpc.close();
	server.close(() => db.close());
});
