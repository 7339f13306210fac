/** A process that does what the load asks of it, on a client and a loader of its own, and says what came of it. */
import { setTimeout as delay } from 'node:timers/promises';
import {
	createDestinationsClient,
	createDestinationsLoader,
	DestinationsError,
	isDatabaseUnavailable,
	isRetryable,
	type ScopedClient,
	type ScopedTransaction,
} from '../../../src/index.ts';
import type { Outcome } from '../../../test/two-roads/model.ts';
import { type Made, outcomeOf, roadsOf } from '../../../test/two-roads/roads.ts';
import { readState, secretOf, toRow } from '../../../test/two-roads/state.ts';
import type {
	Answer,
	Answers,
	Measured,
	Message,
	Operation,
	Order,
	Refusal,
	Result,
	RoadName,
	Sent,
	WorkerSetup,
} from '../messages.ts';

const setup: WorkerSetup = JSON.parse(process.env.FAULTS_WORKER ?? '{}');
const { connectionString, serviceConnectionString, loaderConnectionString, keys, ...pool } = setup;
const db = createDestinationsClient({ connectionString, serviceConnectionString, keys, pool });
const { max: _, ...loaderPool } = pool;
const loader = createDestinationsLoader({
	connectionString: loaderConnectionString,
	keys,
	pool: loaderPool,
	maxOrganizations: 200,
});

class RolledBack extends Error {}

/** What an organization has made, so far. */
interface Caller {
	readonly organizationId: string;
	readonly scope: ScopedClient;
	readonly made: Made;
}

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);

const reads: {
	[kind in Exclude<Operation['kind'], 'call' | 'transaction' | 'race'>]: (
		caller: Caller,
		operation: Operation & { kind: kind },
	) => Promise<Answers[kind]>;
} = {
	state: ({ scope }) => readState(scope),
	findById: async ({ scope }, { id }) => {
		const found = await scope.destinations.findById(id);
		return found === null ? null : toRow(found);
	},
	findByOrganization: async ({ scope, organizationId }) => {
		const found = await scope.destinations.findByOrganization(organizationId);
		return found.map(toRow).sort(byId);
	},
	findMany: async ({ scope }) => {
		const found = await scope.prisma.destination.withDeleted().findMany();
		return found.map(toRow).sort(byId);
	},
	asService: async ({ organizationId }) => {
		const where = { organizationId };
		const found = await db.asService().prisma.destination.findMany({ where });
		return found.map(toRow).sort(byId);
	},
	queryRaw: async ({ scope }) =>
		scope.prisma.$queryRaw`
			SELECT id, type, environment, name, enabled, version, deleted_at IS NOT NULL AS deleted
			  FROM destinations ORDER BY id`,
	count: ({ scope }) => scope.destinations.count(),
	loader: async ({ organizationId }, { environment }) => {
		const age = loader.metrics().ageMillis ?? 1e9;
		const found = await loader.findEnabled(organizationId, environment);
		const rows = found.map(({ id, type, version, settings }) => ({
			...{ id, version, secret: secretOf(settings) },
			// Whatever it is: the comparison finds out.
			type: type as 'posthog' | 'mixpanel',
		}));
		return { rows: rows.sort(byId), age };
	},
};

async function call(
	scope: ScopedTransaction,
	road: RoadName,
	{ call, version }: Sent,
	{ organizationId, made }: Caller,
): Promise<Outcome> {
	const done = roadsOf(organizationId)[road](scope, call, made, version);
	return done.then((): Outcome => 'done', outcomeOf);
}

async function perform(caller: Caller, operation: Operation): Promise<unknown> {
	const { scope, made } = caller;
	switch (operation.kind) {
		case 'call':
			return { outcome: await call(scope, operation.road, operation, caller) };
		case 'race': {
			const raced = operation.calls.map((sent) =>
				call(scope, operation.road, sent, caller).catch((error) => refusalOf(error)),
			);
			return { results: await Promise.all(raced) };
		}
		case 'transaction': {
			const before = made.length;
			const outcomes: Outcome[] = [];
			let committing = false;
			try {
				await scope.transaction(async (transaction) => {
					for (const sent of operation.calls) {
						const outcome = await call(transaction, operation.road, sent, caller);
						outcomes.push(outcome);
						if (outcome !== 'done') throw new RolledBack();
					}
					committing = true;
				});
			} catch (error) {
				made.length = before;
				if (!(error instanceof RolledBack)) throw committing ? error : new NotCommitted(error);
			}
			return { outcomes };
		}
		default:
			// The compiler does not follow the kind into the table.
			return (reads[operation.kind] as (caller: Caller, operation: Operation) => unknown)(
				caller,
				operation,
			);
	}
}

/** What failed within a transaction, so that no COMMIT was sent. */
class NotCommitted extends Error {
	constructor(cause: unknown) {
		super('a call of a transaction failed', { cause });
	}
}

/** What an error says by itself. */
function refusalOf(error: unknown): Refusal {
	if (error instanceof NotCommitted) {
		const inner = refusalOf(error.cause);
		return { ...inner, refused: inner.refused === 'untyped' ? 'untyped' : 'nothing' };
	}
	const { code, message } = error as { code?: unknown; message?: unknown };
	const isOurs = error instanceof DestinationsError;
	const said = `${isOurs ? '' : 'Prisma '}${code ?? message}`;
	if (isOurs && code === 'UNSUPPORTED' && /longer than its timeout/.test(String(message))) {
		return { refused: 'nothing', error: 'timeout' };
	}
	if (isDatabaseUnavailable(error)) return { refused: 'unknown', error: said };
	if (isRetryable(error)) return { refused: 'nothing', error: said };
	return { refused: 'untyped', error: String(error instanceof Error ? error.stack : error) };
}

async function follow({ id, organizationId, made: before, operations }: Order): Promise<Answer> {
	const made = [...before];
	const caller = { organizationId, made, scope: db.forOrganization(organizationId) };
	const results: Result[] = [];
	for (const operation of operations) {
		const { kind } = operation;
		const begun = performance.now();
		try {
			const answer = await perform(caller, operation);
			results.push({ kind, answer, millis: performance.now() - begun });
		} catch (error) {
			results.push({ kind, refusal: refusalOf(error), millis: performance.now() - begun });
			break;
		}
	}
	return { id, made, results };
}

async function measure(id: number): Promise<Measured> {
	// Twice, with time between: what a finalizer lets go of is collected by the second.
	for (const _ of [1, 2]) {
		global.gc?.();
		await delay(20);
	}
	const { total, waiting } = db.stats();
	const { heapUsed } = process.memoryUsage();
	return { id, heap: heapUsed, now: Date.now(), connections: { total, waiting } };
}

function block(id: number, millis: number): { id: number } {
	const until = performance.now() + millis;
	while (performance.now() < until);
	return { id };
}

process.on('message', async (message: Message) => {
	if ('measure' in message) process.send?.(await measure(message.id));
	else if ('block' in message) process.send?.(block(message.id, message.block));
	else process.send?.(await follow(message));
});
process.on('disconnect', () => process.exit());

// The database may be away: a service starts all the same, in time.
for (;;) {
	try {
		await loader.start();
		break;
	} catch (error) {
		if (!isRetryable(error)) throw error;
		await delay(50);
	}
}
process.send?.({ id: 0 });
