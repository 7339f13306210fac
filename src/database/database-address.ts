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
		connectionString || given.connectionString || (given.host ? '' : urlIn(process.env, variable));
	if (url === undefined || (url === '' && !given.host)) {
		throw new ConfigurationError(
			`No database was given. Set ${variable}, or pass \`connectionString\`, or \`${optionsName}\` with a host. If \`consent-destinations init\` wrote it into .env, load that file: node --env-file=.env.`,
		);
	}
	const config = url === '' ? given : { ...given, connectionString: url };
	// Now, and not with the first connection.
	newClient(config);
	return config;
}

/** The URLs that the environment has: a process's own, or what a command was given. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The URL that a variable has. That of the service's login must lead to the same database as `DATABASE_URL`: who sets that for one
 * call, to look at a restored backup for example, must not work on the database of the services.
 *
 * @throws ConfigurationError if it leads to another one.
 */
export function urlIn(environment: Environment, variable: string): string | undefined {
	const url = environment[variable];
	const { DATABASE_URL } = environment;
	if (variable !== 'DATABASE_SERVICE_URL' || !url || !DATABASE_URL) return url;
	const [one, other] = [DATABASE_URL, url].map((connectionString) => {
		const { host, port, database } = newClient({ connectionString });
		return `${host}:${port}/${database}`;
	});
	if (one === other) return url;
	throw new ConfigurationError(
		`DATABASE_URL leads to ${one}, and DATABASE_SERVICE_URL to ${other}. Unset the one that is not meant, or set both to the same database. Where one goes through a pooler and the other does not, pass both as options instead.`,
	);
}

/** The service's login of the environment, where the first login is the environment's, too. @throws ConfigurationError as {@link urlIn} */
export function serviceUrlBeside(
	connectionString: string | undefined,
	options: ClientConfig | undefined,
): string | undefined {
	if (connectionString || options?.connectionString || options?.host) return undefined;
	return urlIn(process.env, 'DATABASE_SERVICE_URL') || undefined;
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
