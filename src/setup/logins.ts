import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Client, escapeIdentifier, escapeLiteral } from 'pg';
import { ConfigurationError, UnavailableError } from '../errors.ts';
import { messageOf } from '../input/message-of.ts';
import { place } from './place.cjs';
import { scramVerifier } from './scram.ts';

/** A login of a service, as `prisma/grants/logins.sql` calls it, and the variable that has its URL. */
export const loginKinds = [
	{ kind: 'tenant', suffix: 'tenant', variable: 'DATABASE_URL' },
	{ kind: 'service', suffix: 'service', variable: 'DATABASE_SERVICE_URL' },
	{ kind: 'loader', suffix: 'loading', variable: 'DATABASE_LOADER_URL' },
] as const;

type LoginKind = (typeof loginKinds)[number]['kind'];

/** A login that is to be made. */
export interface NewLogin {
	readonly kind: LoginKind;
	readonly name: string;
	readonly password: string;
}

/** No session began; the cause says why. */
export class NoSessionError extends UnavailableError {}

/** A session of the login that administers the database. */
export class Administration implements AsyncDisposable {
	readonly #client: Client;

	private constructor(client: Client) {
		this.#client = client;
	}

	/** @throws NoSessionError */
	static async open(connectionString: string): Promise<Administration> {
		try {
			const client = new Client({ connectionString, application_name: 'consent-destinations' });
			client.on('error', () => {});
			await client.connect();
			return new Administration(client);
		} catch (error) {
			throw new NoSessionError('No session began with DATABASE_URL.', { cause: error });
		}
	}

	/** Whether the roles are there that the migrations make, and the table. */
	async isMigrated(): Promise<boolean> {
		const { rows } = await this.#client.query<{ migrated: boolean }>(
			`SELECT to_regclass('public.destinations') IS NOT NULL AND to_regrole('destinations_loader') IS NOT NULL AS migrated`,
		);
		return rows[0]?.migrated === true;
	}

	/** Which of these logins there are on the server. */
	async existing(names: readonly string[]): Promise<ReadonlySet<string>> {
		const { rows } = await this.#client.query<{ rolname: string }>(
			'SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY ($1)',
			[names],
		);
		return new Set(rows.map(({ rolname }) => rolname));
	}

	/** Makes logins, all of them or none. @throws ConfigurationError where the login may not make them. */
	async create(logins: readonly NewLogin[]): Promise<void> {
		const script = await readFile(scriptFile(), 'utf8');
		try {
			await this.#client.query('BEGIN');
			for (const login of logins) {
				for (const statement of statementsFor(script, login)) await this.#client.query(statement);
			}
			await this.#client.query('COMMIT');
		} catch (error) {
			await this.#client.query('ROLLBACK').catch(() => {});
			throw new ConfigurationError(
				`The logins were not created: ${messageOf(error)}. Set DATABASE_URL to the URL of a superuser, or of a role with CREATEROLE that can grant authenticated, service_role and destinations_loader (prisma/grants/logins.sql).`,
			);
		}
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#client.end();
	}
}

/** In the package, or in the sources. */
function scriptFile(): string {
	const script = 'prisma/grants/logins.sql';
	for (let folder = place; folder !== dirname(folder); folder = dirname(folder)) {
		if (existsSync(join(folder, script))) return join(folder, script);
	}
	throw new ConfigurationError(`${script} is not there. Install the package again.`);
}

/** The statements of a script of psql's that are about a login, with its variables filled in as psql does. */
function statementsFor(script: string, { kind, name, password }: NewLogin): string[] {
	const statements = script.replaceAll(/^--.*$/gm, '').split(';');
	return statements
		.filter((statement) => statement.includes(`:"${kind}_login"`))
		.map((statement) =>
			statement
				.replaceAll(`:"${kind}_login"`, () => escapeIdentifier(name))
				.replaceAll(`:'${kind}_password'`, () => escapeLiteral(scramVerifier(password))),
		);
}
