import type { Connection, Submittable } from 'pg';

/** Of pg's connection what a query object writes to; pg's own types describe less. */
interface Wire {
	readonly stream: { cork(): void; uncork(): void };
	parse(message: { text: string; name: string; types: [] }): void;
	bind(message: { statement: string; values: unknown[] }): void;
	execute(message: { portal: string; rows: number }): void;
	sync(): void;
}

export type Texts = readonly (string | null)[];

const context = {
	name: 'context',
	text: "SELECT WHERE set_config('role', $1, true) IS NULL OR set_config('request.jwt.claims', $2, true) IS NULL",
};

const prepared = new WeakMap<object, Set<string>>();

/**
 * Sets the role and the claims, and runs a statement, in one round trip and one implicit transaction: everything up
 * to one Sync. The columns are known, so they are not described.
 */
export class PipelinedStatement implements Submittable {
	readonly #statement: { readonly name: string; readonly text: string };
	readonly #values: unknown[];
	readonly #scope: readonly [role: string, claims: string];
	readonly #rows: Texts[] = [];
	readonly #settle: (error: Error | undefined, rows: Texts[]) => void;

	constructor(
		statement: { readonly name: string; readonly text: string },
		values: unknown[],
		scope: readonly [role: string, claims: string],
		settle: (error: Error | undefined, rows: Texts[]) => void,
	) {
		this.#statement = statement;
		this.#values = values;
		this.#scope = scope;
		this.#settle = settle;
	}

	submit(connection: Connection): void {
		const wire = connection as unknown as Wire;
		wire.stream.cork();
		send(wire, context, [...this.#scope]);
		send(wire, this.#statement, this.#values);
		wire.sync();
		wire.stream.uncork();
	}

	handleDataRow({ fields }: { readonly fields: Texts }): void {
		this.#rows.push(fields);
	}

	handleReadyForQuery(): void {
		this.#settle(undefined, this.#rows);
	}

	handleError(error: Error): void {
		this.#settle(error, []);
	}

	handleRowDescription(): void {}
	handleCommandComplete(): void {}
	handlePortalSuspended(): void {}
	handleEmptyQuery(): void {}
}

function send(wire: Wire, { name, text }: typeof context, values: unknown[]): void {
	const names = prepared.get(wire) ?? new Set();
	prepared.set(wire, names);
	if (!names.has(name)) wire.parse({ text, name, types: [] });
	names.add(name);
	wire.bind({ statement: name, values });
	wire.execute({ portal: '', rows: 0 });
}
