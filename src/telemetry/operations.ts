import { errorType } from './error-type.ts';
import {
	type Attributes,
	failedStatus,
	type Histogram,
	type OpenTelemetry,
	openTelemetry,
	type Span,
} from './open-telemetry.ts';
import { currentOperation, Operation, type OperationKind, runAs } from './operation.ts';
import { observePool, type PoolCounts } from './pool-metrics.ts';

/** What `onOperation` is called with when an operation has ended. It holds no value that was passed or read. */
export interface OperationReport {
	/** The operation, such as `destinations.create`, `audit.list`, `prisma.destination.findMany` or `transaction`. */
	readonly name: string;
	/** How long the operation took, in milliseconds, with a fraction. */
	readonly durationMillis: number;
	/** Whether the operation returned or threw. */
	readonly outcome: 'ok' | 'error';
	/**
	 * If the operation threw, the code of the error: this package's, Prisma's, or the SQLSTATE of Postgres. `_OTHER` for any
	 * other error, such as one that the callback of a transaction throws.
	 */
	readonly code?: string;
	/** How many rows the database returned, in all statements of the operation. */
	readonly rows: number;
}

/** Called once for each operation, when it has ended. Errors that it throws are ignored. */
export type OnOperation = (operation: OperationReport) => void;

/** The database that operations are on. */
export interface ObservedDatabase {
	readonly host?: string | undefined;
	readonly port?: number | undefined;
	readonly database?: string | undefined;
	/** Which login's pool it is, if it has one. */
	readonly login?: string | undefined;
	/** Connections of the pool, for its metrics. */
	readonly connections?: (() => PoolCounts) | undefined;
}

/** Bounds in seconds, as the conventions name them (https://opentelemetry.io/docs/specs/semconv/database/database-metrics/). */
const durationBounds = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];

/**
 * Runs the operations of a database, and reports to those who listen: OpenTelemetry, as its conventions for databases say, and
 * `onOperation`. Where nobody can listen it only runs them.
 */
export class Operations {
	readonly #onOperation: OnOperation | undefined;
	readonly #telemetry: OpenTelemetry | undefined;
	readonly #attributes: Attributes;
	readonly #durations: Histogram | undefined;
	readonly #stopObserving: () => void = () => {};

	constructor(observed: ObservedDatabase, onOperation?: OnOperation) {
		this.#onOperation = onOperation;
		this.#telemetry = openTelemetry();
		const { host, port, database, connections } = observed;
		this.#attributes = {
			'db.system.name': 'postgresql',
			...(database && { 'db.namespace': database }),
			...(host && { 'server.address': host }),
			...(port && { 'server.port': port }),
		};
		const meter = this.#telemetry?.meter;
		if (meter === undefined) return;
		this.#durations = meter.createHistogram('db.client.operation.duration', {
			description: 'Duration of database client operations.',
			unit: 's',
			advice: { explicitBucketBoundaries: durationBounds },
		});
		if (connections !== undefined) {
			this.#stopObserving = observePool(meter, poolName(observed), connections);
		}
	}

	/** Runs an operation. One inside another of the same database is part of that. */
	run<T>(kind: OperationKind, work: () => Promise<T>): Promise<T> {
		const observed = this.#begin(kind);
		if (observed === undefined) return work();
		return observed.within(work).then(
			(result) => {
				this.#end(observed);
				return result;
			},
			(error: unknown) => {
				this.#end(observed, { error });
				throw error;
			},
		);
	}

	/** The same of an operation that returns its result in parts: it ends with the last one that is asked for. */
	async *iterate<T>(
		kind: OperationKind,
		work: () => AsyncGenerator<T, void, undefined>,
	): AsyncGenerator<T, void, undefined> {
		const observed = this.#begin(kind);
		if (observed === undefined) {
			yield* work();
			return;
		}
		let failure: Failure | undefined;
		const parts = work();
		try {
			for (;;) {
				// Each part is made in the context of whoever asks for it, unless it is said.
				const { done, value } = await observed.within(() => parts.next());
				if (done) break;
				yield value;
			}
		} catch (error) {
			failure = { error };
			throw error;
		} finally {
			await observed.within(() => parts.return());
			this.#end(observed, failure);
		}
	}

	/** Runs code of the caller's inside an operation: the operations in it are operations of their own. */
	async callerCode<T>(work: () => PromiseLike<T> | T): Promise<T> {
		// Prisma's promises begin where they are awaited.
		return currentOperation() === undefined ? work() : runAs(undefined, async () => work());
	}

	/** Observes the pool no more. */
	close(): void {
		this.#stopObserving();
	}

	#begin(kind: OperationKind): ObservedOperation | undefined {
		if (this.#telemetry === undefined && this.#onOperation === undefined) return undefined;
		const outer = currentOperation();
		if (outer?.owner === this && !outer.ended) {
			if (kind.textMayHoldValues) outer.withholdText();
			return undefined;
		}
		const attributes = {
			...this.#attributes,
			'db.operation.name': kind.operation,
			...(kind.table && { 'db.collection.name': kind.table }),
		};
		const span = this.#telemetry?.startSpan(kind.name, attributes);
		if (span === undefined && this.#durations === undefined && this.#onOperation === undefined)
			return undefined;
		return new ObservedOperation(new Operation(kind, this), attributes, span, this.#telemetry);
	}

	#end({ operation, attributes, span }: ObservedOperation, failure?: Failure): void {
		operation.ended = true;
		const durationMillis = performance.now() - operation.startedAt;
		const { kind, rows, text, sqlState } = operation;
		const code = failure && errorType(failure.error);
		const ofError = code === undefined ? {} : { 'error.type': code };
		this.#durations?.record(durationMillis / 1000, { ...attributes, ...ofError });
		if (span !== undefined) {
			span.setAttributes({
				...ofError,
				...(text !== undefined && { 'db.query.text': text }),
				...(failure && sqlState !== undefined && { 'db.response.status_code': sqlState }),
				'db.response.returned_rows': rows,
			});
			// Without a description: messages of others repeat what was given.
			if (failure) span.setStatus(failedStatus);
			span.end();
		}
		const outcome = failure ? 'error' : 'ok';
		this.#report({ name: kind.name, durationMillis, outcome, ...(code && { code }), rows });
	}

	#report(report: OperationReport): void {
		try {
			// It may be an async function, whose rejection would end the process.
			const promise: unknown = this.#onOperation?.(report);
			if (promise instanceof Promise) promise.catch(() => {});
		} catch {
			// A log that fails is nothing that the caller of an operation can mend.
		}
	}
}

/** What an operation threw, which may be anything. */
interface Failure {
	readonly error: unknown;
}

/** An operation, with its span. */
class ObservedOperation {
	readonly operation: Operation;
	readonly attributes: Attributes;
	readonly span: Span | undefined;
	readonly #telemetry: OpenTelemetry | undefined;

	constructor(
		operation: Operation,
		attributes: Attributes,
		span: Span | undefined,
		telemetry: OpenTelemetry | undefined,
	) {
		this.operation = operation;
		this.attributes = attributes;
		this.span = span;
		this.#telemetry = telemetry;
	}

	within<T>(work: () => T): T {
		const inOperation = () => runAs(this.operation, work);
		if (this.#telemetry === undefined || this.span === undefined) return inOperation();
		return this.#telemetry.within(this.span, inOperation);
	}
}

function poolName({ host, port, database, login }: ObservedDatabase): string {
	return `${host ?? ''}:${port ?? ''}/${database ?? ''}${login ? ` (${login})` : ''}`;
}
