import type { Step } from '../../test/two-roads/calls.ts';
import type { Call, Model, Outcome } from '../../test/two-roads/model.ts';
import type { Answers, Operation, Refusal, RoadName, Sent } from './messages.ts';

/** What is known of an organization after a write: one model, or several of which one is right. */
export type Verdict = { readonly models: readonly Model[] } | { readonly wrong: string };

/** A write that is to be sent, and what its answer means. */
export interface Plan {
	readonly operation: Operation;
	/** The model after it; where only its answer tells, undefined. */
	readonly after: Model | undefined;
	judge(answer: unknown): Verdict;
	/** Where there was no answer, but perhaps a refusal that says what that means. */
	withoutAnswer(refusal: Refusal | undefined): Verdict;
}

export function planStep(step: Step, road: RoadName, model: Model): Plan {
	return step.kind === 'transaction'
		? planTransaction(step.calls, road, model)
		: planCall(step, road, model);
}

/** Several that change the same version of a row at once, of which one must win. */
export function planRace(
	row: number,
	names: readonly string[],
	road: RoadName,
	model: Model,
): Plan {
	const calls = names.map(
		(name): Call => ({ kind: 'update-version', row, changes: { name }, behind: 0 }),
	);
	const models = calls.map((call) => {
		const after = model.copy();
		after.call(call);
		return after;
	});
	const lost: Outcome = road === 'prisma' ? 'not found' : 'conflict';
	return {
		operation: { kind: 'race', road, calls: calls.map((call) => sent(call, model)) },
		after: undefined,
		judge(answer) {
			const { results } = answer as Answers['race']; // that of a race
			const of = (wanted: (result: Outcome | Refusal) => boolean) =>
				models.filter((_, index) => wanted(results[index] ?? lost));
			const untyped = results.find((result) => isRefusal(result) && result.refused === 'untyped');
			if (isRefusal(untyped)) return { wrong: untyped.error };
			const won = of((result) => result === 'done');
			const unknown = of((result) => isRefusal(result) && result.refused === 'unknown');
			const others = results.filter((result) => result !== 'done' && !isRefusal(result));
			const refused = results.some(isRefusal);
			const strange = others.find((outcome) => outcome !== lost);
			if (strange !== undefined) return { wrong: `one of a race was answered "${strange}"` };
			if (won.length > 1) return { wrong: `${won.length} of a race won` };
			if (won.length === 1) return { models: won };
			if (!refused) return { wrong: 'nobody won a race' };
			return { models: [model, ...unknown] };
		},
		withoutAnswer: () => ({ models: [model, ...models] }),
	};
}

function planCall(call: Call, road: RoadName, model: Model): Plan {
	const after = model.copy();
	const expected = sameOutcome(after.call(call), road);
	return {
		operation: { kind: 'call', road, ...sent(call, model) },
		after,
		judge(answer) {
			const { outcome } = answer as Answers['call']; // that of a call
			return outcome === expected
				? { models: [after] }
				: { wrong: `${road} ${call.kind}: "${outcome}" in the place of "${expected}"` };
		},
		withoutAnswer: (refusal) => withoutAnswer(refusal, model, after),
	};
}

function planTransaction(calls: readonly Call[], road: RoadName, model: Model): Plan {
	const changed = model.copy();
	const expected: Outcome[] = [];
	const toSend: Sent[] = [];
	for (const call of calls) {
		toSend.push(sent(call, changed));
		if (expected.at(-1) !== undefined && expected.at(-1) !== 'done') continue;
		expected.push(sameOutcome(changed.call(call), road));
	}
	const after = expected.every((outcome) => outcome === 'done') ? changed : model;
	return {
		operation: { kind: 'transaction', road, calls: toSend },
		after,
		judge(answer) {
			const { outcomes } = answer as Answers['transaction']; // that of a transaction
			return outcomes.join() === expected.join()
				? { models: [after] }
				: { wrong: `a transaction by ${road}: "${outcomes}" in the place of "${expected}"` };
		},
		withoutAnswer: (refusal) => withoutAnswer(refusal, model, after),
	};
}

/** Where nothing says that nothing was saved, it may have been. */
function withoutAnswer(refusal: Refusal | undefined, before: Model, after: Model): Verdict {
	if (refusal?.refused === 'untyped') return { wrong: refusal.error };
	return { models: refusal?.refused === 'nothing' ? [before] : [before, after] };
}

const isRefusal = (result: Outcome | Refusal | undefined): result is Refusal =>
	typeof result === 'object';

function sent(call: Call, model: Model): Sent {
	return { call, version: 'row' in call ? (model.rows[call.row]?.version ?? 1) : 1 };
}

/** For Prisma a stale version is a row that is not found. */
function sameOutcome(outcome: Outcome, road: RoadName): Outcome {
	return outcome === 'conflict' && road === 'prisma' ? 'not found' : outcome;
}
