import type { Environment } from '../../src/index.ts';
import type { Call, ModelRow, Outcome } from '../../test/two-roads/model.ts';
import type { State } from '../../test/two-roads/state.ts';

// What the load and its workers send each other.

export type RoadName = 'repository' | 'prisma';

/** A call, and which version its row has. */
export interface Sent {
	readonly call: Call;
	readonly version: number;
}

/** What a worker does, and returns {@link Answers} of that name. */
export type Operation =
	| ({ readonly kind: 'call'; readonly road: RoadName } & Sent)
	| { readonly kind: 'transaction'; readonly road: RoadName; readonly calls: readonly Sent[] }
	/** Calls at the same time. */
	| { readonly kind: 'race'; readonly road: RoadName; readonly calls: readonly Sent[] }
	| { readonly kind: 'state' }
	| { readonly kind: 'findById'; readonly id: string }
	| { readonly kind: 'findByOrganization' | 'findMany' | 'asService' | 'queryRaw' | 'count' }
	| { readonly kind: 'loader'; readonly environment: Environment };

type Row = ModelRow & { readonly id: string };

/** What a loader says of a destination. */
export type LoadedRow = Pick<Row, 'id' | 'type' | 'version' | 'secret'>;

export interface Answers {
	readonly call: { readonly outcome: Outcome };
	/** Of each call, up to the first that was refused: then all is rolled back. */
	readonly transaction: { readonly outcomes: readonly Outcome[] };
	readonly race: { readonly results: readonly (Outcome | Refusal)[] };
	readonly state: State;
	readonly findById: Row | null;
	readonly findByOrganization: readonly Row[];
	readonly findMany: readonly Row[];
	readonly asService: readonly Row[];
	readonly queryRaw: readonly Omit<Row, 'secret'>[];
	readonly count: number;
	readonly loader: { readonly rows: readonly LoadedRow[]; readonly age: number };
}

/**
 * How a call failed, as its error says. `untyped` is a fault of the package: an error without a stable meaning.
 * `nothing` says that nothing was saved.
 */
export type Refusal = {
	readonly refused: 'nothing' | 'unknown' | 'untyped';
	readonly error: string;
};

export type Result =
	| { readonly kind: Operation['kind']; readonly answer: unknown; readonly millis: number }
	| { readonly kind: Operation['kind']; readonly refusal: Refusal; readonly millis: number };

export interface Order {
	readonly id: number;
	readonly organizationId: string;
	readonly made: readonly string[];
	/** One after the other, up to the first that is refused. */
	readonly operations: readonly Operation[];
}

export interface Answer {
	readonly id: number;
	/** Ids of what was made, those of the order first. */
	readonly made: readonly string[];
	readonly results: readonly Result[];
}

export type Message =
	| Order
	| { readonly id: number; readonly measure: true }
	| { readonly id: number; readonly block: number };

export interface Measured {
	readonly id: number;
	/** Bytes in use after a collection. */
	readonly heap: number;
	/** What its clock says. */
	readonly now: number;
	readonly connections: { readonly total: number; readonly waiting: number };
}

/** What a worker connects to, in its environment as JSON. */
export interface WorkerSetup {
	readonly connectionString: string;
	readonly serviceConnectionString: string;
	readonly loaderConnectionString: string;
	readonly keys: string;
	/** How long a call waits for a connection, and for an answer, in milliseconds. */
	readonly connectionTimeoutMillis: number;
	readonly query_timeout: number;
	readonly max: number;
}
