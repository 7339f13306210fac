import { Client, type ClientConfig } from 'pg';
import { ConfigurationError } from '../errors.ts';
import { parseUrl } from '../input/parse-url.ts';

/**
 * Options of pg with the place of the database in them: the URL that was given, or what the options themselves
 * say, or an environment variable. Never pg's own default, a server on this machine: a service
 * whose variable is missing must not work on some other database.
 *
 * @param optionsName what the caller calls its options of pg, for the error.
 * @param variable the environment variable.
 * @throws ConfigurationError if none of them says where, or as {@link newClient}.
 */
export function withDatabaseAddress<Options extends ClientConfig>(
	connectionString: string | undefined,
	options: Options | undefined,
	optionsName: string,
	variable = 'DATABASE_URL',
): Options & ClientConfig {
	const given = { ...options } as Options; // pg's options are all optional
	const url =
		connectionString || given.connectionString || (given.host ? '' : process.env[variable]);
	if (url === undefined || (url === '' && !given.host)) {
		throw new ConfigurationError(
			`No database was given. Set ${variable}, or pass \`connectionString\`, or \`${optionsName}\` with a host.`,
		);
	}
	const config = url === '' ? given : { ...given, connectionString: url };
	// Now, and not with the first connection.
	newClient(config);
	return config;
}

/** What libpq knows to do with several servers, and pg ignores. */
const ofSeveralServers = ['target_session_attrs', 'load_balance_hosts'];

/** A comma between hosts, of which `URL` reads none with a port. What stands before the last `@` is the login. */
const severalHosts = /^[a-z]+:\/\/(?:.*@)?(?!.*@)[^/?]*,/i;

/** A URL, or the path of a socket's folder (https://node-postgres.com/features/connecting#connection-uri). */
const addresses = /^(postgres(ql)?:|socket:|\/)/i;

/**
 * A client of pg that is not connected.
 *
 * @throws ConfigurationError if the URL cannot be read, or asks for what pg does not do: to choose among several hosts. It
 * quotes nothing of the URL, which may hold a password.
 */
export function newClient(config: ClientConfig): Client {
	const { connectionString } = config;
	// What is not a URL pg takes for the name of a database on a host `base`.
	if (connectionString !== undefined && !addresses.test(connectionString)) throw unreadable();
	let client: Client;
	try {
		client = new Client(config);
	} catch (cause) {
		const { syscall, message } = cause as NodeJS.ErrnoException;
		if (syscall === undefined) {
			throw severalHosts.test(connectionString ?? '')
				? ofSeveral('names several hosts')
				: unreadable();
		}
		throw new ConfigurationError(
			`A file that the URL of the database names cannot be read: ${message}`,
		);
	}
	const parameters = parseUrl(connectionString ?? '')?.searchParams;
	const several = ofSeveralServers.filter((name) => parameters?.has(name));
	if (several.length > 0) throw ofSeveral(`has ${several.join(' and ')}`);
	if (client.host.includes(',')) throw ofSeveral('names several hosts');
	return client;
}

/** Where pg would connect to, by its own reading of its options. Nothing is known of those that it cannot read. */
export function placeOf(config: ClientConfig): Partial<Pick<Client, 'host' | 'port' | 'database'>> {
	try {
		const { host, port, database } = new Client(config);
		return { host, port, ...(database === undefined ? {} : { database }) };
	} catch {
		return {};
	}
}

function ofSeveral(what: string): ConfigurationError {
	return new ConfigurationError(
		`The address of the database ${what}, and pg connects to one and does not choose. Name one host that leads to the primary: a DNS name, a virtual IP or a proxy such as HAProxy, which a failover moves.`,
	);
}

function unreadable(): ConfigurationError {
	return new ConfigurationError(
		'The URL of the database cannot be read. Write it as postgresql://user:password@host:5432/database, with one host, and with other characters than letters and digits of the password percent-encoded.',
	);
}
