/**
 * Reads an absolute URL.
 *
 * `URL.canParse` is not used: once it is optimized, Node 20 and 22 answer `false` for a URL with a letter such as
 * `ü`, so that a process refuses after some thousand calls what it took before
 * (seen by others too: https://github.com/AikidoSec/firewall-node/pull/1086).
 *
 * @returns `undefined` where the text is not an absolute URL.
 */
export function parseUrl(text: string): URL | undefined {
	try {
		return new URL(text);
	} catch {
		return undefined;
	}
}
