import type { LookupAddress } from 'node:dns';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { generate } from 'selfsigned';
import type { Network } from '../../../src/destinations/connection-test/network.ts';

/** A request as it reached a local server. */
export interface Received {
	readonly method: string;
	readonly host: string;
	/** The name in the TLS handshake (SNI). */
	readonly servername: unknown;
	readonly path: string;
	readonly headers: IncomingMessage['headers'];
	readonly body: string;
}

export type Handler = (request: Received, response: ServerResponse) => void;

/** A real HTTPS server on this machine that stands for every provider, and the network that leads to it. */
export interface LocalProvider {
	readonly network: Network;
	readonly port: number;
	readonly received: Received[];
	/** Names that were looked up, in order. */
	readonly lookups: string[];
	/** Connections that were accepted, with or without a request. */
	connections(): number;
	/** Connections that are still open. */
	open(): number;
}

export interface ProviderOptions {
	/** Where the server listens. */
	readonly address?: string;
	/** What the n-th look-up of a name gives. */
	readonly resolve?: (hostname: string, nth: number) => readonly string[];
	/** Never calls back. */
	readonly hangingDns?: boolean;
	readonly timeLimitMs?: number;
	/** The port to listen on; 0 for any. */
	readonly port?: number;
	/** Trust Node's own authorities instead of the test's. */
	readonly distrusted?: boolean;
}

/** Names that the tests' certificate is good for. */
const names = [
	'eu.i.posthog.com',
	'us.i.posthog.com',
	'graph.facebook.com',
	'www.google-analytics.com',
	...['mixpanel.com', 'eu.mixpanel.com', 'in.mixpanel.com'],
	...['api.mixpanel.com', 'api-eu.mixpanel.com', 'api-in.mixpanel.com'],
	...['amplitude.com', 'analytics.eu.amplitude.com', 'api2.amplitude.com', 'api.eu.amplitude.com'],
	'posthog.example',
];

let identity: ReturnType<typeof generate> | undefined;
const running: { server: Server; sockets: Set<Duplex> }[] = [];

function certificate(): ReturnType<typeof generate> {
	identity ??= generate([{ name: 'commonName', value: 'tests' }], {
		keyType: 'ec',
		algorithm: 'sha256',
		extensions: [{ name: 'subjectAltName', altNames: names.map((value) => ({ type: 2, value })) }],
	});
	return identity;
}

export async function startProvider(
	handler: Handler,
	options: ProviderOptions = {},
): Promise<LocalProvider> {
	const { private: key, cert } = await certificate();
	const address = options.address ?? '127.0.0.1';
	const received: Received[] = [];
	const lookups: string[] = [];
	const sockets = new Set<Duplex>();
	let connections = 0;

	const server = createServer({ key, cert }, async (request, response) => {
		const chunks: Buffer[] = [];
		for await (const chunk of request) {
			chunks.push(chunk);
		}
		const entry: Received = {
			method: request.method ?? '',
			host: request.headers.host ?? '',
			servername: 'servername' in request.socket ? request.socket.servername : undefined,
			path: request.url ?? '',
			headers: request.headers,
			body: Buffer.concat(chunks).toString(),
		};
		received.push(entry);
		handler(entry, response);
	});
	server.on('connection', (socket) => {
		connections += 1;
		sockets.add(socket);
		socket.on('close', () => sockets.delete(socket));
	});
	await new Promise<void>((done) => server.listen(options.port ?? 0, address, done));
	running.push({ server, sockets });
	// A server that listens on TCP has such an address.
	const { port } = server.address() as AddressInfo;

	const network: Network = {
		resolve: (hostname, _options, callback) => {
			lookups.push(hostname);
			if (options.hangingDns) {
				return;
			}
			const addresses = options.resolve?.(hostname, lookups.length) ?? [address];
			setImmediate(callback, null, addresses.map(lookupAddress));
		},
		permittedAddresses: new Set(['127.0.0.1', '::1']),
		port,
		...(!options.distrusted && { ca: cert }),
		timeLimitMs: options.timeLimitMs ?? 60_000,
	};
	return {
		network,
		port,
		received,
		lookups,
		connections: () => connections,
		open: () => sockets.size,
	};
}

function lookupAddress(address: string): LookupAddress {
	return { address, family: address.includes(':') ? 6 : 4 };
}

/** Ends every server that a test started; for `afterEach`. */
export async function stopProviders(): Promise<void> {
	for (const { server, sockets } of running.splice(0)) {
		for (const socket of sockets) {
			socket.destroy();
		}
		await new Promise((done) => server.close(done));
	}
}

/** Answers every request alike. */
export function respond(status: number, body: unknown, headers: Record<string, string> = {}) {
	const text = typeof body === 'string' ? body : JSON.stringify(body);
	return (_request: Received, response: ServerResponse): void => {
		response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
	};
}

/** Waits until something holds, at most twenty seconds: a third of the time that a test of a connection has. */
export async function eventually(holds: () => boolean): Promise<void> {
	for (const deadline = Date.now() + 20_000; !holds() && Date.now() < deadline; ) {
		await new Promise((done) => setTimeout(done, 10));
	}
	expect(holds()).toBe(true);
}
