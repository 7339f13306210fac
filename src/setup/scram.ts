import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

const iterations = 4096;

/**
 * What Postgres stores of a password (RFC 5803, https://www.postgresql.org/docs/current/catalog-pg-authid.html), as psql's
 * `\password` computes it. The server never gets the password, so that no log of its statements has it.
 *
 * @param password of ASCII, which needs no preparation (RFC 4013).
 */
export function scramVerifier(password: string, salt = randomBytes(16)): string {
	const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
	const hmac = (text: string) => createHmac('sha256', salted).update(text).digest();
	const storedKey = createHash('sha256').update(hmac('Client Key')).digest('base64');
	const serverKey = hmac('Server Key').toString('base64');
	return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}
