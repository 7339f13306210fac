import { z } from 'zod';
import { wholeNumber } from '../../input/checks.ts';
import { type OptionSchemas, optionsOf } from '../../input/options.ts';

/** Options of {@link ScopedClient.transaction}. */
export interface TransactionOptions {
	/**
	 * How long the transaction may take, in milliseconds, from 1 to 2,147,483,647. After that it is rolled back, and the next
	 * call in it fails. Until it ends, it holds a connection, and the locks of what it wrote.
	 *
	 * @defaultValue `5000`
	 */
	readonly timeout?: number | undefined;
	/**
	 * How long to wait for a free connection, in milliseconds, from 1 to 2,147,483,647. After that the call fails with
	 * `UNAVAILABLE`.
	 *
	 * @defaultValue `2000`
	 */
	readonly maxWait?: number | undefined;
	/**
	 * How the transaction is isolated from others (https://www.postgresql.org/docs/current/transaction-iso.html). With
	 * `RepeatableRead` and `Serializable` it may fail with `RETRY`.
	 *
	 * @defaultValue the setting of the database, which is `ReadCommitted` unless somebody changed it
	 */
	readonly isolationLevel?: IsolationLevel | undefined;
}

const isolationLevels = [
	'ReadUncommitted',
	'ReadCommitted',
	'RepeatableRead',
	'Serializable',
] as const;
type IsolationLevel = (typeof isolationLevels)[number];

/** What Prisma takes where nothing is said, in milliseconds. */
const defaultTimeout = 5000;
const defaultMaxWait = 2000;

/** Node's timers go no further (https://nodejs.org/api/timers.html#settimeoutcallback-delay-args). */
const maxDelay = 2 ** 31 - 1;

export const transactionOptions = optionsOf({
	timeout: wholeNumber(1, maxDelay).default(defaultTimeout),
	maxWait: wholeNumber(1, maxDelay).default(defaultMaxWait),
	isolationLevel: z
		.enum(isolationLevels, { error: `must be one of ${isolationLevels.join(', ')}` })
		.optional(),
} satisfies OptionSchemas<TransactionOptions>);
