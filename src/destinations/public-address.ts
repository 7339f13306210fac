import ipaddr from 'ipaddr.js';

/**
 * `2000::/3`, all that IANA has given out as global unicast. ipaddr.js calls everything unicast that is in
 * none of its special ranges, so also `::127.0.0.1` and blocks that nobody owns.
 * https://www.iana.org/assignments/ipv6-address-space/ipv6-address-space.xhtml
 */
const globalUnicast: [ipaddr.IPv6, number] = [ipaddr.IPv6.parse('2000::'), 3];

/** ipaddr.js throws and catches an error for most texts that are no address, which takes longer than all else here. */
const likeAddress = /^[\d.]+$|:/;

/** Whether a text is an IP address as `URL` and `dns.lookup` write them. Not by `node:net`, which browsers do not have. */
export function isAddress(text: string): boolean {
	if (!likeAddress.test(text)) return false;
	return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
}

/**
 * Whether an IP address, as `dns.lookup` returns it, belongs to one host on the public internet.
 *
 * Refused are loopback, private, link-local (cloud metadata), carrier-grade NAT, multicast, documentation and
 * all other special ranges, and every IPv6 form that carries an IPv4 address: mapped, 6to4, Teredo, NAT64. So
 * behind NAT64 a provider without IPv6 counts as not public.
 */
export function isPublicAddress(address: string): boolean {
	// A zone (`fe80::1%eth0`) only exists on a local link.
	if (!isAddress(address) || address.includes('%')) {
		return false;
	}
	const parsed = ipaddr.parse(address);
	return (
		parsed.range() === 'unicast' && (parsed instanceof ipaddr.IPv4 || parsed.match(globalUnicast))
	);
}
