import type { PoolConfig } from 'pg';
import { z } from 'zod';
import {
	ConfigurationError,
	type DestinationsError,
	RetryError,
	UnavailableError,
} from '../errors.ts';
import { callback, text } from '../input/checks.ts';
import { checkConfiguration, type OptionSchemas, optionsOf } from '../input/options.ts';

/** One of the databases of a client that has several. Each has all tables, and the rows of some organizations. */
export interface Shard {
	/** URL of the database; see the client's option. `route` returns this URL. */
	readonly connectionString: string;
	/** URL with the second login; see the client's option. @defaultValue one login serves both */
	readonly serviceConnectionString?: string | undefined;
	/** URLs of its replicas; see the client's option. @defaultValue `[]` */
	readonly replicas?: readonly string[] | undefined;
}

/**
 * Says which database an organization is on: returns the URL of a shard exactly as it was given. It is called for each
 * scope, so it must be fast and read from memory, and it must always return the same URL for the same organization. If it
 * throws, the call throws the same error.
 *
 * @param organizationId UUID, in lower case.
 */
export type Route = (organizationId: string) => string;

export const routeOption = callback<Route>();
export const urlList = z.array(text, { error: 'must be a list of URLs' });

const shardOptions = optionsOf({
	connectionString: text,
	serviceConnectionString: text.optional(),
	replicas: urlList.optional(),
} satisfies OptionSchemas<Shard>);

/** For where `shards` is an option; {@link shardsOf} checks each. */
export const shardsOption = z.custom<readonly (string | Shard)[]>();

/**
 * The shards that options name, or the environment variable with spaces between the URLs.
 *
 * @param of what the options are of, for errors.
 * @param variable where options need not name them, because there is `route`.
 * @throws ConfigurationError if there are none, one cannot be read, or one is named twice. It quotes no URL.
 */
export function shardsOf(of: string, given: unknown, variable?: string): Shard[] {
	const listed = given ?? (process.env[variable ?? ''] ?? '').split(/\s+/).filter(Boolean);
	if (!Array.isArray(listed) || listed.length === 0) {
		throw new ConfigurationError(
			variable === undefined
				? `${of}: \`shards\` must be a list of at least one database.`
				: `${of}: with \`route\`, \`shards\` must be a list of at least one database, or ${variable} must have their URLs, separated by spaces.`,
		);
	}
	const shards = Array.from<unknown>(listed).map((shard, at) =>
		typeof shard === 'string'
			? { connectionString: shard }
			: checkConfiguration(`shards[${at}] of ${of}`, shardOptions, shard),
	);
	shards.forEach(({ connectionString, serviceConnectionString }, at) => {
		if (connectionString === '' || serviceConnectionString === '') {
			throw new ConfigurationError(`${of}: a URL of shards[${at}] is empty.`);
		}
	});
	return shards;
}

/**
 * Options of pg for the pool of each shard: what `max` and `min` say is of all together, and each has an equal share.
 *
 * @param of what the options are of, for errors.
 * @param usual how many connections there are at most where `max` does not say.
 * @throws ConfigurationError if there are fewer connections than shards: one of them would have none.
 */
export function shareOfPool(
	of: string,
	{ max, min, ...others }: PoolConfig,
	shards: number,
	usual: number,
): PoolConfig {
	const all = max ?? usual;
	if (all < shards) {
		throw new ConfigurationError(
			`${of}: \`pool.max\` is ${all}, and there are ${shards} databases. It bounds the connections to all of them together, of which each has at least one: pass ${shards} or more.`,
		);
	}
	return {
		...others,
		max: Math.floor(all / shards),
		...(min !== undefined && { min: Math.floor(min / shards) }),
	};
}

/** @throws ConfigurationError if two of them are one database: its rows would be listed twice. */
export function refuseTwice(of: string, places: readonly string[]): void {
	places.forEach((place, at) => {
		const first = places.indexOf(place);
		if (first === at) return;
		throw new ConfigurationError(
			`${of}: shards[${at}] is the same database as shards[${first}]. Name each once.`,
		);
	});
}

/** What there is for each shard, found by organization. */
export class ShardMap<T> {
	/** In the order in which they were given. */
	readonly all: readonly T[];
	readonly #byUrl: ReadonlyMap<string, T>;
	readonly #route: Route;
	readonly #of: string;

	/** @param of what `route` is an option of, for errors. */
	constructor(of: string, shards: readonly (readonly [url: string, shard: T])[], route: Route) {
		this.all = shards.map(([, shard]) => shard);
		this.#byUrl = new Map(shards);
		this.#route = route;
		this.#of = of;
	}

	/**
	 * The shard of an organization.
	 *
	 * @param organizationId a UUID in lower case.
	 * @throws ConfigurationError if the route returns anything but the URL of a shard.
	 */
	of(organizationId: string): T {
		const route = this.#route;
		const url: unknown = route(organizationId);
		const shard = typeof url === 'string' ? this.#byUrl.get(url) : undefined;
		if (shard !== undefined) return shard;
		const what = url instanceof Promise ? 'a promise' : 'something else';
		// Nobody waits for it: its rejection would end the process.
		if (url instanceof Promise) url.catch(() => {});
		throw new ConfigurationError(
			`\`route\` of ${this.#of} must return the \`connectionString\` of one of \`shards\`, and returned ${what} for organization ${organizationId}. Nothing was sent.`,
		);
	}

	/** The same shards, as something else. */
	map<U>(as: (shard: T) => U): ShardMap<U> {
		const shards = [...this.#byUrl].map(([url, shard]) => [url, as(shard)] as const);
		return new ShardMap(this.#of, shards, this.#route);
	}

	/** The shard of a URL. */
	at(url: string): T | undefined {
		return this.#byUrl.get(url);
	}
}

/** The errors that are about a database, whichever call meets them. */
const ofDatabases = [UnavailableError, RetryError, ConfigurationError];

/** An error of a call that went to several databases, with the one in its message that it is of. */
export function ofShard(place: string, error: unknown): unknown {
	const its = ofDatabases.find((candidate) => error instanceof candidate);
	if (its === undefined) return error;
	const { message, cause } = error as DestinationsError; // an instance of one of the three
	return new its(`${place}: ${message}`, cause === undefined ? {} : { cause });
}

/**
 * What one of several shards has, as soon as it is known. A shard that is down does not matter where another has it.
 *
 * @throws where none has it, the error of a shard that did not say.
 */
export async function firstOf<T extends object>(
	answers: readonly Promise<T | undefined>[],
): Promise<T | undefined> {
	const errors: unknown[] = [];
	const found = await new Promise<T | undefined>((resolve) => {
		const asked = answers.map(async (answer) => {
			try {
				const value = await answer;
				if (value !== undefined) resolve(value);
			} catch (error) {
				errors.push(error);
			}
		});
		void Promise.all(asked).then(() => resolve(undefined));
	});
	if (found === undefined && errors.length > 0) {
		throw errors.find((error) => !(error instanceof UnavailableError)) ?? errors[0];
	}
	return found;
}

/** Runs work on one shard after the other, and on all of them, whichever fails. @throws the first error, once all are done. */
export async function onEach<T>(
	shards: readonly T[],
	work: (shard: T) => Promise<void>,
): Promise<void> {
	const errors: unknown[] = [];
	for (const shard of shards) {
		await work(shard).catch((error: unknown) => errors.push(error));
	}
	if (errors.length > 0) throw errors[0];
}
