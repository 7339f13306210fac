import fc from 'fast-check';
import type { ScopedClient, ScopedTransaction } from '../../src/index.ts';
import { type Service, startService } from '../support/service.ts';
import { type Call, Model, type Outcome } from './model.ts';
import { type Made, outcomeOf, type Road, roadsOf } from './roads.ts';

// Whatever is called, by the repository or by Prisma, alone or in a transaction: the same rows, versions, entries of
// the log and refusals, and those of a model in memory.

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

/** A call alone, or several in a transaction. */
type Step = Call | { readonly kind: 'transaction'; readonly calls: readonly Call[] };

const row = fc.nat({ max: 5 });
const behind = fc.option(fc.nat({ max: 1 }), { nil: undefined });
const secret = fc.constantFrom('a', 'b');
const changes = fc.record(
	{ name: fc.constantFrom('One', 'Two'), enabled: fc.boolean(), secret },
	{ requiredKeys: [] },
);
const call: fc.Arbitrary<Call> = fc.oneof(
	fc.record({
		kind: fc.constant('create' as const),
		type: fc.constantFrom('posthog' as const, 'mixpanel' as const),
		environment: fc.constantFrom('production' as const, 'staging' as const),
		name: fc.constantFrom('One', 'Two', ' '),
		secret,
	}),
	fc.record({ kind: fc.constant('update' as const), row, changes }),
	fc.record({
		kind: fc.constant('update-version' as const),
		row,
		changes,
		behind: fc.nat({ max: 1 }),
	}),
	fc.record({ kind: fc.constant('delete' as const), row, behind }),
	fc.record({ kind: fc.constant('restore' as const), row, behind }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 4, arbitrary: call },
	{
		weight: 1,
		arbitrary: fc.record({
			kind: fc.constant('transaction' as const),
			calls: fc.array(call, { minLength: 1, maxLength: 4 }),
		}),
	},
);

/** What came of a step. For Prisma a stale version is a row that is not found. */
function sameOutcome(outcome: Outcome, road: Road, { prisma }: { prisma: Road }) {
	return outcome === 'conflict' && road === prisma ? 'not found' : outcome;
}

class Run {
	readonly #made: Made = [];
	readonly #client: ScopedClient;
	readonly #roads: ReturnType<typeof roadsOf>;
	readonly #pick: (call: number) => 'repository' | 'prisma';
	#model = new Model();
	#calls = 0;

	constructor(organizationId: string, pick: (call: number) => 'repository' | 'prisma') {
		this.#client = service.db.forOrganization(organizationId);
		this.#roads = roadsOf(organizationId);
		this.#pick = pick;
	}

	async take(step: Step): Promise<void> {
		if (step.kind !== 'transaction') return this.#call(this.#client, step, this.#model);
		const model = this.#model.copy();
		const made = this.#made.length;
		const failed = this.#client.transaction(async (scope) => {
			for (const call of step.calls) await this.#call(scope, call, model, true);
		});
		try {
			await failed;
			this.#model = model;
		} catch (error) {
			if (!(error instanceof RolledBack)) throw error;
			this.#made.length = made;
		}
	}

	/** @throws RolledBack in a transaction, for a call that was refused. */
	async #call(
		scope: ScopedTransaction,
		call: Call,
		model: Model,
		inTransaction = false,
	): Promise<void> {
		const road = this.#roads[this.#pick(this.#calls)];
		this.#calls += 1;
		const version = 'row' in call ? (model.rows[call.row]?.version ?? 1) : 1;
		const expected = sameOutcome(model.call(call), road, this.#roads);
		const outcome = await road(scope, call, this.#made, version).then(
			(): Outcome => 'done',
			outcomeOf,
		);
		expect([call, outcome]).toEqual([call, expected]);
		if (inTransaction && outcome !== 'done') throw new RolledBack();
	}

	async compare(): Promise<void> {
		const destinations = await this.#client.prisma.destination.withDeleted().findMany();
		const rows = this.#made.map((id) => destinations.find((destination) => destination.id === id));
		expect(destinations.length).toBe(this.#made.length);
		expect(
			rows.map((found) => ({
				type: found?.type,
				environment: found?.environment,
				name: found?.name,
				enabled: found?.enabled,
				secret: JSON.stringify(found?.settings)
					.match(/phc_(.)|"projectToken":"(.)/)
					?.slice(1)
					.join(''),
				version: found?.version,
				deleted: found?.deletedAt !== null,
			})),
		).toEqual(this.#model.rows);
		const live = await this.#client.destinations.list();
		expect(live.items.map(({ id }) => id).sort()).toEqual(
			this.#made.filter((_, index) => this.#model.rows[index]?.deleted === false).sort(),
		);
		const { items } = await this.#client.audit.list({ limit: 500 });
		expect(
			[...items].reverse().map((entry) => ({
				row: this.#made.indexOf(entry.destinationId ?? ''),
				version: entry.version,
				action: entry.action,
				changes:
					entry.action === 'created'
						? []
						: Object.keys(entry.changes)
								.filter((name) => name !== 'updatedBy')
								.sort(),
				settingsChanged: entry.settings.changed,
			})),
		).toEqual(
			this.#model.entries.map((entry) => ({ ...entry, changes: [...entry.changes].sort() })),
		);
	}
}

class RolledBack extends Error {}

const ways: Record<string, (call: number) => 'repository' | 'prisma'> = {
	'the repository': () => 'repository',
	Prisma: () => 'prisma',
	'both in turns': (call) => (call % 2 === 0 ? 'repository' : 'prisma'),
};

test.each(Object.entries(ways))('%s does what the model does', async (_, pick) => {
	await fc.assert(
		fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 25 }), async (steps) => {
			const run = new Run(await service.createOrganization(), pick);
			for (const taken of steps) await run.take(taken);
			await run.compare();
		}),
		{ numRuns: 30 },
	);
});
