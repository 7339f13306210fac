import { once } from 'node:events';
import { createServer } from 'node:http';
import type { ProviderRequest } from './requests.ts';

/** STAND-IN for the providers: a server of this machine that takes what would go to any of them. */
export interface Receivers extends AsyncDisposable {
	readonly url: string;
	/** How many requests each host got. */
	readonly counts: ReadonlyMap<string, number>;
}

export async function startReceivers(): Promise<Receivers> {
	const counts = new Map<string, number>();
	const server = createServer((request, response) => {
		// `/graph.facebook.com/v27.0/…`: the host that it was meant for comes first.
		const host = request.url?.split('/')[1] ?? '';
		request.resume().on('end', () => {
			counts.set(host, (counts.get(host) ?? 0) + 1);
			response.end('{}');
		});
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	const address = server.address();
	if (address === null || typeof address === 'string') throw new Error('The server has no port');
	return {
		url: `http://127.0.0.1:${address.port}`,
		counts,
		[Symbol.asyncDispose]: async () => {
			server.close();
			server.closeAllConnections();
			await once(server, 'close');
		},
	};
}

/** The same request, to the stand-in instead. */
export function toReceivers(url: string, request: ProviderRequest): ProviderRequest {
	const { host, pathname, search } = new URL(request.url);
	return { ...request, url: `${url}/${host}${pathname}${search}` };
}
