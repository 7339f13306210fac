import { newClient, urlIn } from '../database/database-address.ts';
import { ConfigurationError } from '../errors.ts';
import { Keyring } from '../keys/keyring.ts';
import type { Terminal } from './terminal.ts';

/** Every variable that the commands read, in the order of their help. */
export const variables = [
	'DATABASE_URL',
	'DATABASE_URLS',
	'DATABASE_SERVICE_URL',
	'DATABASE_SERVICE_URLS',
	'DATABASE_LOADER_URL',
	'DATABASE_LOADER_URLS',
	'DATABASE_REPLICA_URLS',
	'DESTINATIONS_ENCRYPTION_KEYS',
	'DESTINATIONS_FORMER_KEY',
] as const;

export type Variable = (typeof variables)[number];

/** The words of the help for the URLs of shards, where a command runs on each. */
export const urlsOfShards =
	'Instead: the URLs of several databases, separated by spaces. The command runs on each.';

type Environment = Terminal['environment'];

/** The words of the help for the keys, where a command encrypts with them. */
export const sealingKeys = 'id:hex,id:hex. The first encrypts, all decrypt.';

/**
 * The URL that a variable holds, which is there and can be read.
 *
 * @throws ConfigurationError that names the variable.
 */
export function databaseUrl(environment: Environment, variable: Variable = 'DATABASE_URL'): string {
	const url = optionalUrl(environment, variable);
	if (url !== undefined) return url;
	throw new ConfigurationError(
		`${variable} is not set. Set it to the URL of the database: postgresql://user:password@host:5432/database.`,
	);
}

/** What the help says of the two variables where a command works as the service. */
export const serviceLogin = {
	DATABASE_URL: 'The login of the service, if there is only one.',
	DATABASE_URLS: urlsOfShards,
	DATABASE_SERVICE_URL: 'The login of asService(), if there are two. Used instead of DATABASE_URL.',
	DATABASE_SERVICE_URLS: 'The same for DATABASE_URLS, in the same order.',
} as const satisfies Partial<Record<Variable, string>>;

/** The URL of the service's login, of which there is one where no other is for tenants. @throws ConfigurationError as {@link databaseUrl} */
export function serviceUrl(environment: Environment): string {
	// An error says which of the two cannot be read.
	optionalUrl(environment, 'DATABASE_URL');
	optionalUrl(environment, 'DATABASE_SERVICE_URL');
	return urlIn(environment, 'DATABASE_SERVICE_URL') || databaseUrl(environment);
}

/** The same of a variable that need not be set. */
export function optionalUrl(environment: Environment, variable: Variable): string | undefined {
	const url = environment[variable] || undefined;
	if (url !== undefined) of(variable, () => newClient({ connectionString: url }));
	return url;
}

/** The URLs that a variable holds, with spaces between. @throws ConfigurationError that names the variable. */
export function urlsOf(environment: Environment, variable: Variable): string[] {
	const urls = (environment[variable] ?? '').split(/\s+/).filter(Boolean);
	for (const connectionString of urls) of(variable, () => newClient({ connectionString }));
	return urls;
}

/** The keys, which are there and can be read. @throws ConfigurationError that names the variable. */
export function encryptionKeys(environment: Environment): string {
	const variable: Variable = 'DESTINATIONS_ENCRYPTION_KEYS';
	const keys = environment[variable] || undefined;
	if (keys === undefined) {
		throw new ConfigurationError(
			`${variable} is not set. Set it to the keys of the services, id:hex,id:hex; \`consent-destinations init\` wrote the first into .env. Only for a new system, make one with \`consent-destinations keygen\`: a new key decrypts nothing that exists.`,
		);
	}
	of(variable, () => new Keyring(keys));
	return keys;
}

/** Has an error begin with the variable that it is about. */
function of(variable: Variable, read: () => unknown): void {
	try {
		read();
	} catch (error) {
		if (!(error instanceof ConfigurationError)) throw error;
		throw new ConfigurationError(`${variable}: ${error.message}`);
	}
}
