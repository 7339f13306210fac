import { type ClientConfig, DatabaseError } from 'pg';
import { clientConfig } from '../rotation/maintenance-connection.ts';
import { type FoundObject, readCatalog } from './catalog.ts';
import { checkCitus, readCitus } from './citus.ts';
import { lookedAt } from './expected-objects.ts';
import { type Finding, failure } from './finding.ts';
import { checkHardening } from './hardening.ts';
import { checkKeys } from './keys.ts';
import { checkLogSequence } from './log-sequence.ts';
import { checkLogSize } from './log-size.ts';
import { checkLoader, checkLogins, type Login, readLogin } from './logins.ts';
import { checkMembers } from './members.ts';
import { checkMigrations } from './migrations.ts';
import { checkPlatformTables } from './platform-tables.ts';
import { ReadOnlySession } from './read-only-session.ts';
import { checkReplicas } from './replicas.ts';
import { checkRoles } from './roles.ts';
import { checkSchema } from './schema.ts';
import { checkServer } from './server.ts';
import { checkStrangers } from './strangers.ts';

/** Options of {@link diagnose}. */
export interface DiagnoseOptions {
	/**
	 * URL of the database, with the login that serves tenants.
	 *
	 * @defaultValue the environment variable `DATABASE_URL`, unless `connection` names a host
	 */
	readonly connectionString?: string | undefined;
	/** Options of pg's client, such as TLS (https://node-postgres.com/apis/client). @defaultValue none */
	readonly connection?: ClientConfig | undefined;
	/**
	 * URL with the login for the service itself, where there are two.
	 *
	 * @defaultValue the login of `connectionString` serves both
	 */
	readonly serviceConnectionString?: string | undefined;
	/** URL with the login of loaders, where there is one. @defaultValue it is not looked at */
	readonly loaderConnectionString?: string | undefined;
	/** URLs of replicas, as the client has them. @defaultValue `[]` */
	readonly replicas?: readonly string[] | undefined;
	/** The keys as text: `id:hex,id:hex`. @defaultValue keys are counted and not compared */
	readonly keys?: string | undefined;
	/** Called with where the logins lead, once they are connected: host, port, database and user. */
	readonly onConnected?: ((targets: Targets) => void) | undefined;
	/** Called for each part of the diagnosis, as soon as it is there. */
	readonly onSection?: ((section: Section) => void) | undefined;
}

/** Where each login leads that was given. */
export interface Targets {
	readonly tenant: string;
	readonly service?: string | undefined;
	readonly loader?: string | undefined;
}

/** A part of the diagnosis. */
export interface Section {
	readonly name:
		| 'server'
		| 'replicas'
		| 'migrations'
		| 'schema'
		| 'roles'
		| 'logins'
		| 'log'
		| 'platform tables'
		| 'keys';
	readonly findings: readonly Finding[];
}

/**
 * Looks whether a database is as this package needs it, and what its logins may do. Reads only, in a
 * read-only transaction, and needs no more rights than a service has.
 *
 * @throws ConfigurationError if there is no URL, or one that cannot be read.
 * @throws UnreachableError if the database cannot be reached; its cause is what pg threw.
 *
 * @example
 * ```ts
 * import { diagnose } from './diagnose.ts';
 *
 * const sections = await diagnose({ keys: process.env.DESTINATIONS_ENCRYPTION_KEYS });
 * const healthy = sections.every(({ findings }) =>
 *   findings.every(({ severity }) => severity !== 'failure'),
 * );
 * ```
 */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Section[]> {
	const config = clientConfig(options);
	const open = async (connectionString: string | undefined) =>
		connectionString === undefined
			? undefined
			: ReadOnlySession.open({ ...config, connectionString });
	await using tenant = await ReadOnlySession.open(config);
	await using service = await open(options.serviceConnectionString);
	await using loader = await open(options.loaderConnectionString);
	return await examine(options, config, { tenant, service: service ?? tenant, loader });
}

interface Sessions {
	readonly tenant: ReadOnlySession;
	readonly service: ReadOnlySession;
	readonly loader: ReadOnlySession | undefined;
}

async function examine(
	options: DiagnoseOptions,
	config: ClientConfig,
	{ tenant, service, loader }: Sessions,
): Promise<Section[]> {
	options.onConnected?.({
		tenant: tenant.target,
		service: service === tenant ? undefined : service.target,
		loader: loader?.target,
	});
	const sections: Section[] = [];
	const report = async (
		name: Section['name'],
		session: ReadOnlySession,
		check: () => Promise<Finding[]>,
	) => {
		const findings = await session.attempt(check);
		const section = {
			name,
			findings: findings instanceof DatabaseError ? [notChecked(findings)] : findings,
		};
		sections.push(section);
		options.onSection?.(section);
	};
	let pending: ReadonlySet<string> | undefined;
	let catalog: FoundObject[] = [];
	let logins: Login[] = [];
	let citus = false;
	await report('server', tenant, async () => {
		citus = await readCitus(tenant);
		return [...(await checkServer(tenant, config)), ...(await checkCitus(tenant, citus))];
	});
	await report('replicas', tenant, () => checkReplicas(tenant, config, options.replicas ?? []));
	await report('migrations', service, async () => {
		const checked = await checkMigrations(service);
		pending = checked.pending;
		return checked.findings;
	});
	await report('logins', tenant, async () => {
		const first = await readLogin(tenant);
		const second = service === tenant ? undefined : await readLogin(service);
		const third = loader === undefined ? undefined : await readLogin(loader);
		logins = [first, second, third].filter((login) => login !== undefined);
		return [...checkLogins(first, second), ...(third === undefined ? [] : checkLoader(third))];
	});
	const names = () => logins.map(({ name }) => name);
	const notGiven = [
		...(service === tenant ? ['service_role' as const] : []),
		...(loader === undefined ? ['destinations_loader' as const] : []),
	];
	await report('roles', tenant, async () => [
		...(await checkRoles(tenant, citus)),
		...(await checkMembers(tenant, names(), notGiven)),
		...(await checkHardening(tenant)),
	]);
	await report('schema', tenant, async () => {
		catalog = await readCatalog(tenant, lookedAt);
		return [...checkSchema(catalog, pending, names()), ...(await checkStrangers(tenant, names()))];
	});
	await report('log', service, async () => [
		...(citus ? [] : await checkLogSequence(service)),
		...(citus ? [] : await checkLogSize(service)),
	]);
	await report('platform tables', tenant, () => checkPlatformTables(tenant, catalog));
	await report('keys', service, () => checkKeys(service, options.keys));
	return sections;
}

/** What is not known is not well. */
function notChecked(error: DatabaseError): Finding {
	return failure(`Not checked: ${error.message}`, {
		fix: 'See what Postgres says of it; after a lock or a timeout, run doctor again.',
	});
}
