import {
	ConfigurationError,
	DestinationsError,
	KeyUnavailableError,
	RetryError,
	UnavailableError,
} from '../errors.ts';

/** Seconds that a provider has for an answer, unless it says otherwise. */
const defaultTimeoutSeconds = 3;

/** The longest delay of a timer, in milliseconds; more would fire at once. */
const longestTimer = 2 ** 31 - 1;

export function checkTimeout(seconds: unknown): number {
	if (seconds === undefined) return defaultTimeoutSeconds;
	if (typeof seconds === 'number' && seconds > 0) return seconds;
	throw new ConfigurationError(
		"The key provider's `timeoutSeconds` must be a number of seconds greater than 0.",
	);
}

/**
 * Asks a provider, and waits no longer than it may take. What it throws may quote a key or a token, so only
 * the kind of its error is passed on. An error of this package says what it says deliberately; what caused it
 * is left out.
 *
 * @throws KeyUnavailableError where it fails or does not answer in time.
 */
export async function askProvider<T>(
	question: () => T | Promise<T>,
	timeoutSeconds: number,
): Promise<T> {
	try {
		const answer = question();
		// Without a timer for those that have the answer at hand.
		return isPromised(answer) ? await inTime(answer, timeoutSeconds) : answer;
	} catch (error) {
		if (error instanceof DestinationsError && !isOfDatabase(error)) {
			delete error.cause;
			throw error;
		}
		throw new KeyUnavailableError(
			`The key provider failed with ${kindOf(error)}. Settings were neither encrypted nor decrypted; try again when it answers.`,
		);
	}
}

/** Of the provider's database: it would be taken for one of the database that holds the settings. */
function isOfDatabase(error: DestinationsError): boolean {
	return error instanceof RetryError || error instanceof UnavailableError;
}

function kindOf(error: unknown): string {
	const name = error instanceof Error ? error.name : typeof error;
	// A name can be set to anything. Those of keys and tokens have digits, those of errors have none.
	return /^[A-Za-z]{1,64}$/.test(name) ? name : 'an error';
}

/** Anything with `then`: a library's own promises too. */
export function isPromised<T>(answer: T | PromiseLike<T>): answer is PromiseLike<T> {
	// The cast only lets `then` be looked for, whatever the answer is.
	return typeof (answer as Partial<PromiseLike<T>> | null | undefined)?.then === 'function';
}

async function inTime<T>(answer: PromiseLike<T>, seconds: number): Promise<T> {
	let timer: NodeJS.Timeout | undefined;
	const late = new Promise<never>((_, reject) => {
		const refuse = () =>
			reject(
				new KeyUnavailableError(
					`The key provider did not answer within ${seconds} s. Settings were neither encrypted nor decrypted; try again when it answers.`,
				),
			);
		timer = setTimeout(refuse, Math.min(seconds * 1000, longestTimer));
	});
	try {
		// Of the two that lose, `race` takes care: a rejection that comes later is nobody's.
		return await Promise.race([answer, late]);
	} finally {
		clearTimeout(timer);
	}
}
