import { randomBytes, randomUUID } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { Client, type QueryResultRow } from 'pg';
import type { Keys } from '../../src/encryption/settings-encryption.ts';
import { PrismaClient } from '../../src/generated/prisma/client.ts';
import { destinationsExtension } from '../../src/prisma/extension/destinations-extension.ts';
import { createTestDatabase, type TestDatabase } from './database.ts';
import { newKeys } from './encryption.ts';

export { newKeys } from './encryption.ts';

/** A row of `destinations` as Postgres stores it. */
export interface StoredDestination extends QueryResultRow {
	id: string;
	organization_id: string;
	type: string;
	name: string;
	settings: Record<string, unknown>;
	settings_encrypted: boolean;
	deleted_at: Date | null;
	version: number;
}

/** Settings of a PostHog destination with every default filled in, as they are read back. */
export function posthogSettings(apiKey = `phc_${randomBytes(12).toString('hex')}`) {
	return {
		apiKey,
		host: 'https://eu.i.posthog.com',
		enableServerSide: true,
		enableClientSide: true,
	};
}

/** A plain Prisma client, with the statements that it sends. */
export function openBase(connectionString: string, omit?: { destination: Record<string, true> }) {
	const statements: string[] = [];
	const base = new PrismaClient({
		// The adapter reads times as UTC, whatever the session's zone is.
		adapter: new PrismaPg({ connectionString, options: '-c TimeZone=UTC' }),
		log: [{ emit: 'event', level: 'query' }],
		...(omit === undefined ? {} : { omit }),
	});
	base.$on('query', (event) => statements.push(event.query));
	return { base, statements };
}

function extend(base: ReturnType<typeof openBase>['base'], keys: Keys) {
	return base.$extends(destinationsExtension({ keys }));
}

export type ExtendedClient = ReturnType<typeof extend>;

/** What `create` needs beside the organization; the rest can be overridden. */
export interface NewDestination {
	id?: string;
	organizationId?: string;
	type?: string;
	name?: string;
	environment?: string;
	settings?: object;
	enabled?: boolean;
	createdBy?: string;
	updatedBy?: string;
}

/** A database of the test file's own, an extended client on it, and a raw connection beside it. */
export class ExtendedDatabase {
	readonly keys: string;
	readonly base: ReturnType<typeof openBase>['base'];
	readonly prisma: ExtendedClient;
	readonly connectionString: string;
	readonly #statements: string[];
	readonly #database: TestDatabase;
	readonly #raw: Client;
	readonly #others: ReturnType<typeof openBase>['base'][] = [];

	private constructor(database: TestDatabase, keys: string) {
		this.#database = database;
		this.connectionString = database.connectionString;
		this.keys = keys;
		const { base, statements } = openBase(database.connectionString);
		this.base = base;
		this.#statements = statements;
		this.prisma = extend(base, keys);
		this.#raw = new Client({ connectionString: database.connectionString });
	}

	static async open(): Promise<ExtendedDatabase> {
		const opened = new ExtendedDatabase(await createTestDatabase(), newKeys());
		await opened.#raw.connect();
		return opened;
	}

	async close(): Promise<void> {
		await Promise.all([this.base, ...this.#others].map((base) => base.$disconnect()));
		await this.#raw.end();
		await this.#database.drop();
	}

	/** One more client of its own connections, with other keys. */
	connect(keys: Keys): ExtendedClient {
		const { base } = openBase(this.connectionString);
		this.#others.push(base);
		return extend(base, keys);
	}

	/** Extends a client of any type, with this database's keys unless others are given. */
	extend(base: object, keys: Keys = this.keys): LooseClient {
		return loose(base).$extends(destinationsExtension({ keys }));
	}

	/** One more plain client. */
	connectBase(omit?: { destination: Record<string, true> }) {
		const { base } = openBase(this.connectionString, omit);
		this.#others.push(base);
		return base;
	}

	/** Runs SQL on the raw connection. */
	async sql<Row extends QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
		return (await this.#raw.query<Row>(text, values)).rows;
	}

	/** What is stored of a destination, read by the raw connection. */
	async stored(id: string): Promise<StoredDestination> {
		const [row] = await this.sql<StoredDestination>('SELECT * FROM destinations WHERE id = $1', [
			id,
		]);
		if (row === undefined) throw new Error(`no destination ${id}`);
		return row;
	}

	/** Changes a stored row behind the client's back, past the triggers that keep rows as they are. */
	async tamper(id: string, assignments: string, values: unknown[] = []): Promise<void> {
		await this.#raw.query('SET session_replication_role = replica');
		try {
			const { rowCount } = await this.#raw.query(
				`UPDATE destinations SET ${assignments} WHERE id = '${id}'`,
				values,
			);
			if (rowCount !== 1) throw new Error(`no destination ${id}`);
		} finally {
			await this.#raw.query('SET session_replication_role = DEFAULT');
		}
	}

	/** Runs some work, and gives what it gave and the statements that the client sent meanwhile. */
	async statementsOf(work: () => PromiseLike<unknown>): Promise<string[]> {
		const before = this.#statements.length;
		await work();
		return this.#statements.slice(before);
	}

	async newOrganization(): Promise<string> {
		const { id } = await this.prisma.organization.create({ data: {} });
		return id;
	}

	async newUser(): Promise<string> {
		const { id } = await this.prisma.user.create({ data: {} });
		return id;
	}

	/** A live destination, in an organization of its own unless one is named. */
	async newDestination(given: NewDestination = {}) {
		const organizationId = given.organizationId ?? (await this.newOrganization());
		return this.prisma.destination.create({
			data: {
				type: 'posthog',
				name: 'EU project',
				settings: posthogSettings(),
				...given,
				organizationId,
			},
		});
	}

	/** A soft-deleted destination. */
	async newDeletedDestination(given: NewDestination = {}) {
		const { id } = await this.newDestination(given);
		return this.prisma.destination.delete({ where: { id } });
	}
}

/** Any client, with operations that take anything: for what TypeScript would not let pass. */
export type LooseClient = Record<
	'destination' | 'organization' | 'user',
	Record<string, (args?: unknown) => PromiseLike<unknown>>
> & {
	$extends(extension: unknown): LooseClient;
	$transaction(work: unknown): Promise<unknown>;
};

export function loose(client: object): LooseClient {
	return client as LooseClient;
}

/** Calls an operation by its name. */
export function run(
	client: object,
	model: string,
	operation: string,
	args?: unknown,
): PromiseLike<unknown> {
	// Every model of a client has methods.
	const models = client as Record<string, LooseClient['destination']>;
	const result = models[model]?.[operation]?.(args);
	if (result === undefined) throw new Error(`no ${model}.${operation}`);
	return result;
}

/** The error of work that must fail. */
export async function errorOf(
	work: () => PromiseLike<unknown>,
): Promise<Error & { code?: string; issues?: { path: unknown[]; message: string }[] }> {
	try {
		await work();
	} catch (error) {
		if (error instanceof Error) return error;
		throw error;
	}
	throw new Error('nothing was refused');
}

/** An id that no row has. */
export function unusedId(): string {
	return randomUUID();
}
