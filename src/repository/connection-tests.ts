import type { ConnectionTestOutcome } from '../destinations/connection-test/outcome.ts';
import { type TestConnection, testSavedConnection } from './connection-test.ts';
import type { TestedDestination } from './tested-destination.ts';

/**
 * The connection tests of saved destinations that are under way in this process. Callers of one scope that test
 * the same destination at the same time share one test, so a thousand of them ask the provider and the database
 * as often as one does. Scopes of different organizations share nothing.
 */
export class ConnectionTests {
	/** Tests settings that need not be saved. */
	readonly test: TestConnection;
	readonly #running = new Map<string, SharedTest>();

	constructor(test: TestConnection) {
		this.test = test;
	}

	/**
	 * A caller that joins a test receives what was found out after its call: where the last answer was under way by
	 * then, or the settings changed meanwhile, which may have been the caller, it is tested again.
	 *
	 * @param caller what those have in common who share a test: the scope, the organization that it is limited to, the destination.
	 * @param destination is used where no test of it is under way.
	 */
	async run(
		caller: readonly (string | undefined)[],
		destination: () => TestedDestination,
		signal: AbortSignal | undefined,
	): Promise<ConnectionTestOutcome> {
		const key = caller.join(' ');
		for (let left = attempts; ; left -= 1) {
			signal?.throwIfAborted();
			const running = this.#running.get(key);
			if (running === undefined || running.cancelled) {
				return this.#start(key, destination()).join(signal);
			}
			const { sent } = running;
			const missed = () => running.sent === sent && left > 1;
			try {
				const outcome = await running.join(signal);
				const stale = outcome.code === 'settings_changed' && left > 1;
				if (!missed() && !stale) return outcome;
			} catch (error) {
				if (!missed()) throw error;
			}
		}
	}

	#start(key: string, destination: TestedDestination): SharedTest {
		const started = new SharedTest(destination, this.test);
		this.#running.set(key, started);
		const remove = () => {
			if (this.#running.get(key) === started) this.#running.delete(key);
		};
		started.outcome.then(remove, remove);
		return started;
	}
}

/** How many tests a caller takes part in at most. */
const attempts = 3;

/** A test that several callers wait for. It is cancelled once all of them have had enough. */
class SharedTest {
	readonly outcome: Promise<ConnectionTestOutcome>;
	readonly #destination: TestedDestination;
	readonly #cancel = new AbortController();
	#callers = 0;

	constructor(destination: TestedDestination, test: TestConnection) {
		this.#destination = destination;
		this.outcome = testSavedConnection(destination, test, this.#cancel.signal);
	}

	get cancelled(): boolean {
		return this.#cancel.signal.aborted;
	}

	/** How many statements the test has sent. What happened before the last of them is in its outcome. */
	get sent(): number {
		return this.#destination.sent;
	}

	/** @throws The reason of `signal`, once that is aborted. */
	async join(signal: AbortSignal | undefined): Promise<ConnectionTestOutcome> {
		this.#callers += 1;
		if (signal === undefined) return this.outcome;
		const left = new Promise<never>((_, reject) => {
			// The last caller waits until the destination is free for the next test.
			const leave = () => {
				this.#callers -= 1;
				if (this.#callers > 0) reject(signal.reason);
				else this.#cancel.abort(signal.reason);
			};
			signal.addEventListener('abort', leave);
			const stay = () => signal.removeEventListener('abort', leave);
			this.outcome.then(stay, stay);
		});
		try {
			return await Promise.race([this.outcome, left]);
		} finally {
			signal.throwIfAborted();
		}
	}
}
