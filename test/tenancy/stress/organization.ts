import { randomBytes } from 'node:crypto';
import type { Destination, DestinationsClient, ScopedClient } from '../../../src/index.ts';
import { RetryError } from '../../../src/index.ts';
import { codesOf } from '../refusal.ts';

export const types = ['posthog', 'amplitude', 'mixpanel'] as const;
export const environments = ['production', 'staging', 'development'] as const;

/** A destination as the organization remembers it. */
export interface Known {
	readonly type: (typeof types)[number];
	readonly environment: (typeof environments)[number];
	readonly name: string;
	/** The secret in its settings. */
	readonly token: string;
	readonly deleted: boolean;
}

/** All that an organization has, by id. */
export type Memory = ReadonlyMap<string, Known>;

export const newToken = () => randomBytes(16).toString('hex');

export function settingsOf(type: Known['type'], token: string) {
	return {
		posthog: { apiKey: `phc_${token}` },
		amplitude: { apiKey: token },
		mixpanel: { projectToken: token },
	}[type];
}

type Row = Pick<Destination, 'id' | 'organizationId' | 'name' | 'deletedAt'> & {
	type: string;
	environment: string;
	settings: unknown;
};

function tokenIn(settings: unknown): string {
	const { apiKey, projectToken } = settings as { apiKey?: string; projectToken?: string };
	return (apiKey ?? projectToken ?? '').replace('phc_', '');
}

/** What came of all operations together. */
export class Tally {
	operations = 0;
	rowsChecked = 0;
	rollbacks = 0;
	injectedErrors = 0;
	lost = 0;
	foreignRows = 0;
	missingRows = 0;
	/** Everything else that was not as remembered. */
	readonly surprises: string[] = [];
}

/** Words of this package, Prisma and pg for a connection that was lost, or a statement that was cancelled. */
const lostCodes =
	/^UNAVAILABLE|57P01|57014|08006|P1017|P2010 N\/A|Connection terminated|connection error|closed the connection|terminating connection|canceling statement due to user request|ECONNRESET|P2028|not queryable/;

function wasLost(error: unknown): boolean {
	// What can be called again may as well be a statement that lost against another; its cause tells.
	return lostCodes.test(codesOf(error instanceof RetryError ? error.cause : error));
}

/** An organization with its memory, which checks all that it reads and writes against it. */
export class Organization {
	readonly id: string;
	readonly client: ScopedClient;
	memory: Memory = new Map();
	readonly #tally: Tally;
	readonly #readTruth: (id: string) => Promise<Memory>;

	constructor(
		id: string,
		db: DestinationsClient,
		tally: Tally,
		readTruth: (id: string) => Promise<Memory>,
	) {
		this.id = id;
		this.client = db.forOrganization(id);
		this.#tally = tally;
		this.#readTruth = readTruth;
	}

	live(): [string, Known][] {
		return [...this.memory].filter(([, { deleted }]) => !deleted);
	}

	deleted(): [string, Known][] {
		return [...this.memory].filter(([, { deleted }]) => deleted);
	}

	/** Reads, and holds the rows to the memory. */
	async read(
		expected: [string, Known][],
		work: () => PromiseLike<Row[] | Row | null>,
	): Promise<void> {
		await this.#attempt(work, (result) => {
			const rows = result === null ? [] : Array.isArray(result) ? result : [result];
			this.#check(rows, expected);
		});
	}

	/** Looks for one row that never changes: its own, or another's. */
	async find(work: () => PromiseLike<object | null>, expected: 0 | 1): Promise<void> {
		await this.#attempt(work, (result) => {
			const found = result === null ? 0 : 1;
			this.#tally.rowsChecked += found;
			this.#tally.foreignRows += Math.max(found - expected, 0);
			this.#tally.missingRows += Math.max(expected - found, 0);
		});
	}

	/** Reads something else than rows. */
	async ask<T>(work: () => PromiseLike<T>, expected: T): Promise<void> {
		await this.#attempt(work, (result) => this.#same(result, expected));
	}

	/** Writes. Without an error all of `changes` has happened; after a lost connection all or nothing. */
	async write(changes: [string, Known][], work: () => PromiseLike<unknown>): Promise<void> {
		const after = new Map([...this.memory, ...changes]);
		const done = await this.#attempt(work, () => {});
		if (done) {
			this.memory = after;
			return;
		}
		const truth = await this.#readTruth(this.id);
		const found = describe(truth);
		if (found !== describe(this.memory) && found !== describe(after)) {
			this.#tally.surprises.push(`half a write was saved in ${this.id}: ${found}`);
		}
		this.memory = truth;
	}

	/** Does what must fail, and leave everything as it was. */
	async fail(code: string | RegExp, work: () => PromiseLike<unknown>): Promise<void> {
		this.#tally.operations += 1;
		try {
			await work();
			this.#tally.surprises.push(`was not refused with ${code}`);
		} catch (error) {
			const codes = codesOf(error);
			if (typeof code === 'string' ? codes === code : code.test(codes)) {
				this.#tally.injectedErrors += 1;
			} else if (wasLost(error)) {
				this.#tally.lost += 1;
			} else {
				this.#tally.surprises.push(`refused with ${codes} instead of ${code}`);
			}
		}
	}

	/** Holds what the service sees to the memory. */
	async settle(): Promise<void> {
		this.#same(describe(await this.#readTruth(this.id)), describe(this.memory));
	}

	async #attempt<T>(work: () => PromiseLike<T>, check: (result: T) => void): Promise<boolean> {
		this.#tally.operations += 1;
		try {
			check(await work());
			return true;
		} catch (error) {
			if (wasLost(error)) this.#tally.lost += 1;
			else this.#tally.surprises.push(`failed with ${codesOf(error)}`);
			return false;
		}
	}

	#check(rows: Row[], expected: [string, Known][]): void {
		this.#tally.rowsChecked += rows.length;
		const wanted = new Map(expected);
		for (const row of rows) {
			if (row.organizationId !== this.id) {
				this.#tally.foreignRows += 1;
				continue;
			}
			const known = wanted.get(row.id);
			wanted.delete(row.id);
			this.#same(remember([row]).get(row.id), known);
		}
		this.#tally.missingRows += wanted.size;
	}

	#same(actual: unknown, expected: unknown): void {
		const [seen, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
		if (seen !== wanted) this.#tally.surprises.push(`${seen} instead of ${wanted}`);
	}
}

function describe(memory: Memory): string {
	return [...memory]
		.map(([id, { type, environment, name, token, deleted }]) =>
			[id, type, environment, name, token, deleted].join(' '),
		)
		.sort()
		.join('\n');
}

/** Rows as an organization remembers them. */
export function remember(rows: readonly Row[]): Memory {
	return new Map(
		rows.map(({ id, type, environment, name, settings, deletedAt }) => [
			id,
			{
				// The stress run makes no others.
				type: type as Known['type'],
				environment: environment as Known['environment'],
				name,
				token: tokenIn(settings),
				deleted: deletedAt !== null,
			},
		]),
	);
}
