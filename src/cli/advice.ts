import { startupParameterOf, starvation } from '../database/pooler-errors.ts';
import { sqlStateOf } from '../database/sql-errors.ts';
import type { DestinationsError } from '../errors.ts';

/** An error's message, with what the user of a command can do: services have options that commands do not have. */
export function forCommands({ code, message, cause }: DestinationsError): string {
	const parameter = startupParameterOf(cause);
	if (parameter !== undefined) {
		return `The pooler refuses what a session begins with: ${parameter}. Leave options out of the URL, or let it name the server itself.`;
	}
	if (starvation(cause) !== undefined) {
		return 'The server, or the pooler before it, accepts no more connections, so nothing more was done. Try again a little later. If it lasts, raise max_connections of the server, or default_pool_size and max_client_conn in pgbouncer.ini.';
	}
	if (code === 'CONFIGURATION' && sqlStateOf(cause) === '42501') {
		return "The login cannot switch to the role service_role. Set DATABASE_SERVICE_URL to the URL of the service's login, which `consent-destinations init` or prisma/grants/logins.sql creates.";
	}
	return message;
}

/** What to do where no session begins, by Postgres's SQLSTATE or the system's code. */
const advice: Readonly<Record<string, string>> = {
	'28P01':
		'Correct user and password in the URL; characters other than letters and digits are percent-encoded there. If `init` wrote the URL, it may not have finished: run it again, with the URL of the login that owns the tables.',
	'28000':
		'The server accepts this user from no address, or not without TLS: see its pg_hba.conf, and sslmode in the URL.',
	'3D000': 'Correct the name of the database in the URL, or create it.',
	'42501': 'Allow the login to connect: GRANT CONNECT ON DATABASE ... TO the login.',
	'53300': 'The server accepts no more connections: close some, or raise max_connections.',
	'57P03': 'The server is starting or stopping: wait and try again.',
	ECONNREFUSED: 'Nothing listens there: start Postgres, or correct host and port in the URL.',
	ENOTFOUND: 'The name of the host is not known here: correct it in the URL.',
	EAI_AGAIN: 'The name of the host is not known now: see whether name resolution works.',
	ETIMEDOUT: 'Nothing answers: see whether a firewall or VPN blocks the way.',
};

/** What to do where no session began. @param cause what pg threw. */
export function adviceFor(cause: unknown): string | undefined {
	// A host with several addresses fails with one error for each.
	const error: unknown = cause instanceof AggregateError ? cause.errors[0] : cause;
	const code =
		typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
	return advice[code] ?? (code === '' ? advice.ETIMEDOUT : undefined);
}
