import type { ClientConfig } from 'pg';
import { ConfigurationError } from '../errors.ts';

/**
 * Options of pg with the place of the database in them: the URL that was given, or what the options themselves
 * say, or the environment variable `DATABASE_URL`. Never pg's own default, a server on this machine: a service
 * whose variable is missing must not work on some other database.
 *
 * @param optionsName what the caller calls its options of pg, for the error.
 * @throws ConfigurationError if none of them says where.
 */
export function withDatabaseAddress<Options extends ClientConfig>(
	connectionString: string | undefined,
	options: Options | undefined,
	optionsName: string,
): Options & ClientConfig {
	const given = { ...options } as Options; // pg's options are all optional
	if (connectionString) return { ...given, connectionString };
	if (given.connectionString || given.host) return given;
	const url = process.env.DATABASE_URL;
	if (url) return { ...given, connectionString: url };
	throw new ConfigurationError(
		`No database was given. Set DATABASE_URL, or pass \`connectionString\`, or \`${optionsName}\` with a host.`,
	);
}
