import { AsyncLocalStorage } from 'node:async_hooks';

/** Which operation it is. Only what the source code says, and nothing that a caller passed. */
export interface OperationKind {
	/** As `onOperation` and spans have it, such as `destinations.create`. */
	readonly name: string;
	/** The last part of the name. */
	readonly operation: string;
	/** The table that it is about. */
	readonly table?: string | undefined;
	/** Whether the statement is the caller's own text, which may have values in it: it is kept to nobody then. */
	readonly textMayHoldValues?: boolean | undefined;
}

/** As many different texts are kept of an operation; it has a few, unless raw SQL makes one for each run. */
const keptTexts = 20;

/** An operation that is under way, and what its statements came to. */
export class Operation {
	readonly kind: OperationKind;
	/** Who runs it: its operations within this one are part of this one. */
	readonly owner: object;
	readonly startedAt = performance.now();
	readonly #texts = new Set<string>();
	#withheld: boolean;
	/** How many rows the database returned. */
	rows = 0;
	/** SQLSTATE of the last statement that failed. */
	sqlState: string | undefined;
	ended = false;

	constructor(kind: OperationKind, owner: object) {
		this.kind = kind;
		this.owner = owner;
		this.#withheld = kind.textMayHoldValues ?? false;
	}

	/** For an operation of which a part may send values in its text. */
	withholdText(): void {
		this.#withheld = true;
	}

	/** Notes a statement that is sent, with placeholders and never with values. */
	sent(text: string): void {
		if (!this.#withheld && this.#texts.size < keptTexts) this.#texts.add(text);
	}

	/** The statements that were sent, as OpenTelemetry joins them (`db.query.text`). */
	get text(): string | undefined {
		return this.#withheld || this.#texts.size === 0 ? undefined : [...this.#texts].join('; ');
	}
}

const current = new AsyncLocalStorage<Operation | undefined>();

/** The operation that the code which asks is part of; undefined where nobody listens. */
export function currentOperation(): Operation | undefined {
	return current.getStore();
}

/** Runs `work` as part of an operation, or of none. */
export function runAs<T>(operation: Operation | undefined, work: () => T): T {
	return current.run(operation, work);
}
