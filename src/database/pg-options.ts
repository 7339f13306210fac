import type { ClientConfig, PoolConfig } from 'pg';
import { z } from 'zod';
import { flag, text } from '../input/checks.ts';
import { checkConfiguration, optionsOf } from '../input/options.ts';

const expected = 'must be a number from 0 on';
const amount = z.number({ error: expected }).min(0, { error: expected });
/** For pg alone to judge. */
const given = z.unknown();

/** Every option of https://node-postgres.com/apis/client, and those that `@types/pg` has besides. */
const clientOptions = {
	user: text,
	database: text,
	password: given,
	port: amount,
	host: text,
	connectionString: text,
	keepAlive: flag,
	stream: given,
	statement_timeout: z.union([amount, z.literal(false)], { error: expected }),
	ssl: given,
	enableChannelBinding: flag,
	sslnegotiation: given,
	query_timeout: amount,
	lock_timeout: amount,
	keepAliveInitialDelayMillis: amount,
	idle_in_transaction_session_timeout: amount,
	application_name: text,
	fallback_application_name: text,
	connectionTimeoutMillis: amount,
	types: given,
	options: text,
	client_encoding: text,
	pipeline: flag,
} satisfies Record<keyof ClientConfig, z.ZodType>;

/** https://node-postgres.com/apis/pool. Of a size that is no number pg would make a pool without an end. */
const poolOptions = {
	...clientOptions,
	max: amount.min(1, { error: 'must be a number from 1 on' }),
	min: amount,
	idleTimeoutMillis: amount.nullable(),
	log: given,
	Promise: given,
	allowExitOnIdle: flag,
	maxUses: amount,
	maxLifetimeSeconds: amount,
	Client: given,
	onConnect: given,
	verify: given,
} satisfies Record<keyof PoolConfig, z.ZodType>;

const clientSchema = optionsOf(clientOptions).partial();
const poolSchema = optionsOf(poolOptions).partial();

/**
 * Options of pg's client, each of which pg knows: it ignores the others, a misspelled `ssl` too.
 *
 * @throws ConfigurationError
 */
export function checkClientOptions(name: string, options: ClientConfig | undefined): ClientConfig {
	// Checked by the names that the type has; the values are pg's to judge.
	return checkConfiguration(name, clientSchema, options) as ClientConfig;
}

/** {@link checkClientOptions} for a pool. A pool itself is refused: it would be read as options. */
export function checkPoolOptions(name: string, options: PoolConfig | undefined): PoolConfig {
	return checkConfiguration(name, poolSchema, options) as PoolConfig;
}
