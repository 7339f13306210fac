/**
 * Names that never lead to a host on the public internet: the special-use domains of IANA
 * (https://www.iana.org/assignments/special-use-domain-names/special-use-domain-names.xhtml), and `localdomain`,
 * by which many systems know themselves. `example` is left out: documents and tests use it.
 */
const localDomains =
	/(?:^|\.)(?:alt|home\.arpa|internal|invalid|local|localdomain|localhost|onion|test)$/;

/** RFC 1123, section 2.1; underscores too, which some hosts have. */
const label = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/**
 * Whether a name is one that a host can have.
 *
 * @param hostname - As the `URL` class writes it: in lower case, IDNs as Punycode, without a trailing dot.
 */
export function isHostName(hostname: string): boolean {
	return hostname.length <= 253 && hostname.split('.').every((part) => label.test(part));
}

/**
 * Whether a name can be that of a host on the public internet. Where it leads is only known when it is looked up;
 * this refuses at once what cannot lead there: names of this machine and its network, and names without a dot.
 *
 * @param hostname - As in {@link isHostName}.
 */
export function isPublicName(hostname: string): boolean {
	return isHostName(hostname) && hostname.includes('.') && !localDomains.test(hostname);
}
