import { isIP } from 'node:net';
import { parseUrl } from '../input/parse-url.ts';
import { isPublicAddress } from './public-address.ts';
import { isPublicName } from './public-name.ts';

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
 * Reads an https origin (`https://host` or `https://host:port`) and gives it back in one canonical form.
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
	if (!(isIP(hostname) === 0 ? isPublicName(hostname) : isPublicAddress(hostname))) {
		return undefined;
	}
	return `https://${hostKey(url)}`;
}
