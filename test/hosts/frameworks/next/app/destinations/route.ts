import {
	createDestinationsClient,
	type DestinationsClient,
	toProblem,
} from '@consent-io/destinations';

const shared = globalThis as { destinationsClient?: DestinationsClient };

export async function GET(request: Request): Promise<Response> {
	try {
		shared.destinationsClient ??= createDestinationsClient();
		const scope = shared.destinationsClient.forOrganization(
			request.headers.get('x-organization') ?? '',
		);
		const { items } = await scope.destinations.list();
		return Response.json(items.map(({ name }) => name));
	} catch (error) {
		const problem = toProblem(error);
		return Response.json(problem, { status: problem.status });
	}
}
