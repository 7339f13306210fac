import { parseUrl } from '../input/parse-url.ts';
import { isAddress, isPublicAddress } from './public-address.ts';
import { isHostName, isPublicName } from './public-name.ts';

/** `hostname` of a URL as sockets and certificates want it: no brackets around IPv6, no trailing dot. */
export function socketHostname(url: URL): string {
	// The dot of a fully qualified name would slip past a list of hosts and fail TLS name checks.
	return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

/** `host` of a URL (with the port, unless it is 443) without the trailing dot: what lists of hosts hold. */
export function hostKey(url: URL): string {
	return url.host.replace(/\.(?=:\d+$|$)/, '');
}

/**
 * Reads an https origin (`https://host` or `https://host:port`) and returns it in one canonical form.
 *
 * The WHATWG parser comes first: it is what turns `0x7f.1` and `2130706433` into `127.0.0.1` and IDNs into
 * Punycode, so every later check sees what a socket would see.
 *
 * @returns The origin, or `undefined` for anything else: another scheme, credentials, a path, a query, a
 * fragment, port 0, an IP address that is not public, or a name of this machine or its network.
 */
export function parseHttpsOrigin(text: string): string | undefined {
	const url = parseUrl(text);
	if (url === undefined) {
		return undefined;
	}
	const hostname = socketHostname(url);
	// `href` keeps whatever an origin must not have, also an empty query or fragment.
	if (url.protocol !== 'https:' || url.href !== `${url.origin}/` || url.port === '0') {
		return undefined;
	}
	return isPublicHost(hostname) ? `https://${hostKey(url)}` : undefined;
}

/** A URL that browsers send events to, in one canonical form. */
export interface BaseUrl {
	/** Without a slash at the end. */
	readonly url: string;
	/** Whether it leads to this machine or its network, which is of use for development alone. */
	readonly local: boolean;
}

/**
 * What a URL means something else with than people do: to browsers a backslash is a slash; white space and what cannot be seen
 * are dropped, or become a part of the path.
 */
const misread = /[\\\s\p{Cc}\p{Cf}]/u;

/** One path segment after another, with the characters of RFC 3986, section 3.3. */
const pathSegments = /^(?:\/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)*\/?$/;

/**
 * Reads the URL that a browser's SDK sends to: https with a path, as of a customer's own proxy
 * (`https://www.shop.example/ingest`), or http on a developer's machine (`http://localhost:8000`). This package's
 * own requests are guarded by {@link parseHttpsOrigin}'s rules when they are sent.
 *
 * @returns `undefined` for anything else: another scheme, credentials, a query, a fragment, port 0, http to a
 * public host.
 */
export function parseBaseUrl(text: string): BaseUrl | undefined {
	const url = misread.test(text) ? undefined : parseUrl(text);
	if (url === undefined || url.href !== `${url.origin}${url.pathname}` || url.port === '0') {
		return undefined;
	}
	const hostname = socketHostname(url);
	if (!isAddress(hostname) && !isHostName(hostname)) return undefined;
	const local = !isPublicHost(hostname);
	const secure = url.protocol === 'https:' || (local && url.protocol === 'http:');
	if (!secure || !pathSegments.test(url.pathname)) return undefined;
	return { url: `${url.protocol}//${hostKey(url)}${url.pathname.replace(/\/$/, '')}`, local };
}

function isPublicHost(hostname: string): boolean {
	return isAddress(hostname) ? isPublicAddress(hostname) : isPublicName(hostname);
}
