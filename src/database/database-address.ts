import type { ClientConfig } from 'pg';
import { ConfigurationError } from '../errors.ts';

/**
 * Options of pg with the place of the database in them: the URL that was given, or what the options themselves
 * say, or an environment variable. Never pg's own default, a server on this machine: a service
 * whose variable is missing must not work on some other database.
 *
 * @param optionsName what the caller calls its options of pg, for the error.
 * @param variable the environment variable.
 * @throws ConfigurationError if none of them says where.
 */
export function withDatabaseAddress<Options extends ClientConfig>(
	connectionString: string | undefined,
	options: Options | undefined,
	optionsName: string,
	variable = 'DATABASE_URL',
): Options & ClientConfig {
	const given = { ...options } as Options; // pg's options are all optional
	if (connectionString) return { ...given, connectionString };
	if (given.connectionString || given.host) return given;
	const url = process.env[variable];
	if (url) return { ...given, connectionString: url };
	throw new ConfigurationError(
		`No database was given. Set ${variable}, or pass \`connectionString\`, or \`${optionsName}\` with a host.`,
	);
}
