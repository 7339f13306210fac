/**
 * A URL without its parameter `schema`, which is Prisma's. Not by `URL`: it would write the other parameters in its own way, and
 * knows no lists of hosts.
 *
 * @param {string} url
 */
export function withoutSchema(url) {
	const [, address = '', query = ''] = /^([^?]*)\??(.*)$/s.exec(url) ?? [];
	const others = query.split('&').filter((part) => part !== '' && !part.startsWith('schema='));
	return others.length === 0 ? address : `${address}?${others.join('&')}`;
}
