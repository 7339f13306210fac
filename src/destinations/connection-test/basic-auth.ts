/**
 * The Authorization header of HTTP Basic.
 * https://www.rfc-editor.org/rfc/rfc7617
 *
 * @param user - Without a colon, which would end it.
 */
export function basicAuth(user: string, password: string): string {
	return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
