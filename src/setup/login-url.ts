/** A database's URL with another login in it. Everything else stays as it was written. */
export function withLogin(url: string, name: string, password: string): string {
	const login = `${encodeURIComponent(name)}:${encodeURIComponent(password)}`;
	const [address = '', query] = url.split(/\?(.*)/s);
	const place = address.replace(
		/^(postgres(?:ql)?:\/\/)(?:[^/]*@)?/,
		(_, scheme) => `${scheme}${login}@`,
	);
	// These would count instead; the schema is Prisma's own word.
	const others = query?.split('&').filter((part) => !/^(user|password|schema)=/.test(part)) ?? [];
	return others.length === 0 ? place : `${place}?${others.join('&')}`;
}

/** Name and password of a URL's login; empty where it has none. */
export function loginOf(url: string): { readonly name: string; readonly password: string } {
	const [, name = '', password = ''] =
		/^postgres(?:ql)?:\/\/([^:@/]*)(?::([^@/]*))?@/.exec(url) ?? [];
	return { name: decode(name), password: decode(password) };
}

function decode(text: string): string {
	try {
		return decodeURIComponent(text);
	} catch {
		return text;
	}
}
