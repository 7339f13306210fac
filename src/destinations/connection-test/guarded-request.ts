import type { IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { hostKey, socketHostname } from '../https-origin.ts';
import { isPublicAddress } from '../public-address.ts';
import type { Network } from './network.ts';
import { AddressNotAllowed, RequestFailure, requestFailureOf } from './request-failure.ts';

/** The largest answer that is read, in bytes. Every answer that a test needs is far smaller. */
const MAX_BODY_BYTES = 64 * 1024;

/** One request of a connection test. */
export interface OutgoingRequest {
	readonly method: 'GET' | 'POST';
	readonly url: string;
	/** The Authorization header. */
	readonly authorization?: string;
	/** The body, sent as JSON. */
	readonly json?: unknown;
	/** Do not read the answer's body: for answers that may be large, where the status says all. */
	readonly statusOnly?: boolean;
}

/** What came back. */
export interface Answer {
	readonly status: number;
	/** The parsed body; `undefined` when it is not JSON, or was not read. */
	readonly json: unknown;
}

/** Sends one request within the limits of a running test. */
export type SendRequest = (request: OutgoingRequest) => Promise<Answer>;

/** What a request must keep to. */
export interface RequestLimits {
	readonly network: Network;
	/** The hosts that may be called, each `name` or `name:port`, in lower case. */
	readonly hosts: ReadonlySet<string>;
	/** Ends the request: the test's deadline, or the caller. */
	readonly signal: AbortSignal;
}

/**
 * Sends an https request that cannot be turned against the network it is sent from, although a tenant chose
 * its host: only to a listed host, only to public addresses, without redirects, with a capped body.
 *
 * @throws {RequestFailure} For everything that can go wrong. Neither it nor its message holds anything of the
 * request, of the answer, or of Node's own error.
 */
export async function guardedRequest(
	outgoing: OutgoingRequest,
	limits: RequestLimits,
): Promise<Answer> {
	const url = permittedUrl(outgoing.url, limits);
	try {
		const response = await send(url, outgoing, limits);
		try {
			return await answerOf(response, outgoing.statusOnly === true);
		} finally {
			response.destroy();
		}
	} catch (error) {
		throw error instanceof RequestFailure ? error : requestFailureOf(error);
	}
}

function permittedUrl(text: string, { network, hosts }: RequestLimits): URL {
	const url = new URL(text);
	const hasCredentials = url.username !== '' || url.password !== '';
	if (url.protocol !== 'https:' || hasCredentials || !hosts.has(hostKey(url))) {
		throw new RequestFailure('host_not_allowed');
	}
	// An IP literal is never looked up, so `lookup` below would not see it.
	const hostname = socketHostname(url);
	if (isIP(hostname) !== 0 && !isPermitted(hostname, network)) {
		throw new RequestFailure('address_not_allowed');
	}
	return url;
}

function isPermitted(address: string, network: Network): boolean {
	return isPublicAddress(address) || network.permittedAddresses.has(address);
}

/**
 * The look-up of the very connection. A check ahead of it could be shown other addresses than the socket
 * (DNS rebinding). One address that is not public refuses the name: Node may try each of them.
 */
function guardedLookup(network: Network): LookupFunction {
	return (hostname, options, callback) => {
		network.resolve(hostname, { ...options, all: true }, (error, addresses) => {
			if (error) {
				callback(error, []);
				return;
			}
			const [first] = addresses;
			if (first === undefined || !addresses.every((a) => isPermitted(a.address, network))) {
				callback(new AddressNotAllowed(), []);
				return;
			}
			if (options.all) {
				callback(null, addresses);
			} else {
				callback(null, first.address, first.family);
			}
		});
	};
}

function send(
	url: URL,
	outgoing: OutgoingRequest,
	{ network, signal }: RequestLimits,
): Promise<IncomingMessage> {
	const hostname = socketHostname(url);
	const body = outgoing.json === undefined ? undefined : JSON.stringify(outgoing.json);
	return new Promise((resolve, reject) => {
		const request = httpsRequest(
			{
				method: outgoing.method,
				hostname,
				port: network.port ?? (url.port || 443),
				path: url.pathname + url.search,
				headers: {
					host: hostKey(url),
					accept: 'application/json',
					// No compression, so that a small answer cannot unpack into a large one.
					'accept-encoding': 'identity',
					'user-agent': 'consent-io-destinations',
					...(outgoing.authorization !== undefined && { authorization: outgoing.authorization }),
					...(body !== undefined && {
						'content-type': 'application/json',
						'content-length': Buffer.byteLength(body),
					}),
				},
				lookup: guardedLookup(network),
				servername: isIP(hostname) === 0 ? hostname : '',
				// Also where NODE_TLS_REJECT_UNAUTHORIZED=0 is set: the requests carry credentials.
				rejectUnauthorized: true,
				...(network.ca !== undefined && { ca: network.ca }),
				// An agent of its own: no pooled socket (which skips the look-up), no proxy from the environment.
				agent: new Agent({ keepAlive: false, maxCachedSessions: 0 }),
				signal,
			},
			resolve,
		);
		request.on('error', reject);
		// Without a listener of its own, Node would close the socket and say nothing.
		request.on('upgrade', (_response, socket) => {
			socket.destroy();
			reject(new RequestFailure('unexpected_response'));
		});
		request.end(body);
	});
}

async function answerOf(response: IncomingMessage, statusOnly: boolean): Promise<Answer> {
	const status = response.statusCode ?? 0;
	// Following one would leave the hosts that were allowed, and would carry the credentials along.
	if (status >= 300 && status < 400) {
		throw new RequestFailure('redirected');
	}
	return { status, json: statusOnly ? undefined : parseJson(await bodyOf(response)) };
}

async function bodyOf(response: IncomingMessage): Promise<string> {
	const chunks: Buffer[] = [];
	let size = 0;
	for await (const chunk of response) {
		size += chunk.length;
		if (size > MAX_BODY_BYTES) {
			throw new RequestFailure('response_too_large');
		}
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString('utf8');
}

function parseJson(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		// A page in HTML, say. What to make of it is up to the test; the parser's error would quote the text.
		return undefined;
	}
}
