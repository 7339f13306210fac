import fc from 'fast-check';
import type { ScopedClient, ScopedTransaction } from '../../src/index.ts';
import { type Service, startService } from '../support/service.ts';
import { type Step, step } from './calls.ts';
import { type Call, Model, type Outcome } from './model.ts';
import { type Made, outcomeOf, type Road, roadsOf } from './roads.ts';
import { readState, stateOf } from './state.ts';

// Whatever is called, by the repository or by Prisma, alone or in a transaction: the same rows, versions, entries of
// the log and refusals, and those of a model in memory. Where they differ, fast-check looks for fewer steps.

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

type Pick = (call: number) => 'repository' | 'prisma';

/** What a transaction changes all at once. */
interface Expected {
	model: Model;
}

/** An organization, and who calls in its name. */
class Caller {
	readonly made: Made = [];
	readonly client: ScopedClient;
	readonly #roads: ReturnType<typeof roadsOf>;
	readonly #pick: Pick;
	#calls = 0;

	constructor(organizationId: string, pick: Pick) {
		this.client = service.db.forOrganization(organizationId);
		this.#roads = roadsOf(organizationId);
		this.#pick = pick;
	}

	/** Does it in both worlds. Returns what came of it. */
	async call(scope: ScopedTransaction, call: Call, model: Model): Promise<Outcome> {
		const road = this.#roads[this.#pick(this.#calls)];
		this.#calls += 1;
		const version = 'row' in call ? (model.rows[call.row]?.version ?? 1) : 1;
		const expected = sameOutcome(model.call(call), road, this.#roads);
		const done = road(scope, call, this.made, version);
		const outcome = await done.then((): Outcome => 'done', outcomeOf);
		expect([call, outcome]).toEqual([call, expected]);
		return outcome;
	}
}

/** What came of a step. For Prisma a stale version is a row that is not found. */
function sameOutcome(outcome: Outcome, road: Road, { prisma }: { prisma: Road }) {
	return outcome === 'conflict' && road === prisma ? 'not found' : outcome;
}

class StepCommand implements fc.AsyncCommand<Expected, Caller> {
	readonly #step: Step;

	constructor(step: Step) {
		this.#step = step;
	}

	check(): boolean {
		return true;
	}

	async run(expected: Expected, caller: Caller): Promise<void> {
		if (this.#step.kind === 'transaction') {
			await transact(this.#step.calls, expected, caller);
		} else await caller.call(caller.client, this.#step, expected.model);
		expect(await readState(caller.client)).toEqual(stateOf(expected.model, caller.made));
	}

	toString(): string {
		return JSON.stringify(this.#step);
	}
}

/** Rolls back where one of the calls is refused. */
async function transact(calls: readonly Call[], expected: Expected, caller: Caller) {
	const model = expected.model.copy();
	const made = caller.made.length;
	const transacted = caller.client.transaction(async (scope) => {
		for (const call of calls) {
			if ((await caller.call(scope, call, model)) !== 'done') throw new RolledBack();
		}
	});
	try {
		await transacted;
		expected.model = model;
	} catch (error) {
		if (!(error instanceof RolledBack)) throw error;
		caller.made.length = made;
	}
}

class RolledBack extends Error {}

const ways: Record<string, Pick> = {
	'the repository': () => 'repository',
	Prisma: () => 'prisma',
	'both in turns': (call) => (call % 2 === 0 ? 'repository' : 'prisma'),
};

const commands = fc.commands([step.map((taken) => new StepCommand(taken))], {
	maxCommands: 40,
	size: 'max',
});

test.each(Object.entries(ways))('%s does what the model does', async (_, pick) => {
	await fc.assert(
		fc.asyncProperty(commands, async (taken) => {
			const caller = new Caller(await service.createOrganization(), pick);
			await fc.asyncModelRun(
				() => ({ model: { model: new Model() } satisfies Expected, real: caller }),
				taken,
			);
		}),
		{ numRuns: 40 },
	);
});
