import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Step } from '../../test/two-roads/calls.ts';
import { Model } from '../../test/two-roads/model.ts';
import { type State, stateOf } from '../../test/two-roads/state.ts';
import { agreeing, kindOfDifference } from './differences.ts';
import { LoadedViews } from './loaded-views.ts';
import type { Answer, Answers, Operation, Result } from './messages.ts';
import { type Plan, planRace, planStep, type Verdict } from './plans.ts';
import type { Tally } from './tally.ts';
import type { WeatherProxy } from './weather-proxy.ts';
import { Hang, type Worker } from './worker.ts';

/** How long the outcome of a write may stay unknown, in milliseconds. */
const patience = 30_000;

/** More than the interval in which a loader asks what changed, which is 250 by default. */
const restMillis = 350;

/** What lanes have in common. */
export interface LaneOptions {
	readonly number: number;
	readonly worker: Worker;
	readonly proxy: WeatherProxy;
	readonly tally: Tally;
	/** The next steps of somebody. */
	readonly steps: () => readonly Step[];
}

/** What an organization has at last. */
export interface Finished {
	readonly organizationId: string;
	readonly rows: number;
	readonly entries: number;
}

/** An organization, which does one thing after the other, and the model of what it has. */
export class Lane {
	readonly #organizationId: string;
	readonly #options: LaneOptions;
	#model = new Model();
	#made: readonly string[] = [];
	#views = new LoadedViews();
	#races = 0;

	constructor(organizationId: string, options: LaneOptions) {
		this.#organizationId = organizationId;
		this.#options = options;
	}

	/** Returns nothing where it gave up, because a fault of the package left it without a model. */
	async run(signal: AbortSignal): Promise<Finished | undefined> {
		try {
			for (const step of this.#options.steps()) {
				if (signal.aborted) break;
				await this.#write(this.#plan(step));
			}
			await this.#resolve([this.#model]);
			await this.#rest();
		} catch (error) {
			if (error instanceof Hang) this.#options.tally.fault('hangs', error.message);
			else if (!(error instanceof GivenUp)) throw error;
			return undefined;
		}
		const { rows, entries } = this.#model;
		return {
			organizationId: this.#organizationId,
			...{ rows: rows.length, entries: entries.length },
		};
	}

	/** Waits for the loader's next poll: after the last change no other one makes it look. */
	async #rest(): Promise<void> {
		await delay(restMillis);
		const sentAt = performance.now();
		const reads = loaderReads(1);
		const answer = await this.#ask(reads);
		for (const [index, result] of (answer?.results ?? []).entries()) {
			const operation = reads[index];
			if (operation !== undefined) this.#check(operation, result, sentAt);
		}
	}

	#plan(step: Step): Plan {
		const road = Math.random() < 0.5 ? 'repository' : 'prisma';
		const live = this.#model.rows.findIndex(({ deleted }) => !deleted);
		if (live === -1 || Math.random() > 0.1) return planStep(step, road, this.#model);
		this.#races += 1;
		const names = ['a', 'b', 'c'].map((letter) => `Race ${this.#races} ${letter}`);
		return planRace(live, names, road, this.#model);
	}

	/** A write, and reads of what it should have made. */
	async #write(plan: Plan): Promise<void> {
		const sentAt = performance.now();
		const reads = plan.after === undefined ? [] : this.#reads();
		const answer = await this.#ask([plan.operation, ...reads]);
		const [written, ...read] = answer?.results ?? [];
		const verdict = this.#judge(plan, written);
		if ('wrong' in verdict) this.#giveUp('wrong', verdict.wrong);
		const [model, ...others] = verdict.models;
		if (model === undefined || answer === undefined || others.length > 0 || isRefused(written)) {
			this.#views.writing(sentAt);
			const before = this.#model;
			await this.#resolve(verdict.models);
			if (others.length > 0) {
				const { unknown } = this.#options.tally;
				if (this.#model === before) unknown.notDone += 1;
				else unknown.done += 1;
			}
			this.#views.wrote(this.#model, this.#made);
			return;
		}
		this.#views.writing(sentAt);
		this.#model = model;
		this.#made = answer.made.slice(0, model.rows.length);
		this.#views.wrote(model, this.#made);
		for (const [index, result] of read.entries()) {
			const operation = reads[index];
			if (operation !== undefined) this.#check(operation, result, sentAt);
		}
	}

	#judge(plan: Plan, result: Result | undefined): Verdict {
		const { tally, number } = this.#options;
		if (result === undefined) {
			tally.refused('the process was killed', 0);
			return plan.withoutAnswer(undefined);
		}
		if ('refusal' in result) {
			tally.refused(result.refusal.error, result.millis);
			return plan.withoutAnswer(result.refusal);
		}
		tally.answered(result.kind, result.millis, number);
		return plan.judge(result.answer);
	}

	#reads(): Operation[] {
		const id = this.#made[Math.floor(Math.random() * this.#made.length)];
		const others = ['findByOrganization', 'findMany', 'asService', 'count'] as const;
		const kind = others[Math.floor(Math.random() * others.length)] ?? 'count';
		return [
			...(id === undefined ? [] : [{ kind: 'findById', id } as const]),
			{ kind: Math.random() < 0.03 ? 'queryRaw' : kind },
			...loaderReads(2),
		];
	}

	/** Compares what was read with the model. */
	#check(operation: Operation, result: Result, sentAt: number): void {
		const { tally, number } = this.#options;
		if ('refusal' in result) {
			tally.refused(result.refusal.error, result.millis);
			if (result.refusal.refused === 'untyped') tally.fault('wrong', result.refusal.error);
			return;
		}
		tally.answered(result.kind, result.millis, number);
		if (operation.kind === 'loader') {
			const { rows, age } = result.answer as Answers['loader']; // that of a loader
			const said = this.#views.contradicts(operation.environment, rows, sentAt - age);
			if (said !== undefined) tally.fault('wrong', said);
			return;
		}
		const expected = this.#expected(operation);
		if (isDeepStrictEqual(result.answer, expected)) return;
		const [found, wanted] = [JSON.stringify(result.answer), JSON.stringify(expected)];
		tally.fault('wrong', `${operation.kind}: ${found} in the place of ${wanted}`);
	}

	#expected(operation: Operation): unknown {
		const { rows, live } = stateOf(this.#model, this.#made);
		switch (operation.kind) {
			case 'count':
				return live.length;
			case 'findById':
				return rows.find(({ id, deleted }) => id === operation.id && !deleted) ?? null;
			case 'findMany':
				return rows;
			case 'queryRaw':
				return rows.map(({ secret: _, ...row }) => row);
			default:
				return rows.filter(({ deleted }) => !deleted);
		}
	}

	/** Reads which of the models is right, for as long as the database does not answer. */
	async #resolve(models: readonly Model[]): Promise<void> {
		const { tally, number, proxy } = this.#options;
		const until = performance.now() + patience;
		while (performance.now() < until) {
			// What was sent on a connection that is gone may be done yet.
			await delay(30 + Math.random() * 20);
			await proxy.settled(patience);
			const answer = await this.#ask([{ kind: 'state' }]);
			const [result] = answer?.results ?? [];
			if (result === undefined) continue;
			if ('refusal' in result) {
				tally.refused(result.refusal.error, result.millis);
				if (result.refusal.refused === 'untyped') tally.fault('wrong', result.refusal.error);
				continue;
			}
			tally.answered(result.kind, result.millis, number);
			const state = result.answer as State; // that of this operation
			const right = agreeing(state, models, this.#made);
			if (right === undefined) {
				const found = JSON.stringify(state);
				const wanted = models.map((model) => JSON.stringify(stateOf(model, this.#made)));
				this.#giveUp(
					kindOfDifference(state, models, this.#made),
					`the state ${found} in the place of ${wanted.join(' or ')}`,
				);
			}
			this.#model = right.model;
			this.#made = right.made;
			return;
		}
		throw new Hang('the outcome of a write cannot be read');
	}

	#giveUp(...[kind, said]: Parameters<Tally['fault']>): never {
		this.#options.tally.fault(kind, said);
		throw new GivenUp();
	}

	async #ask(operations: readonly Operation[]): Promise<Answer | undefined> {
		return this.#options.worker.send<Answer>({
			organizationId: this.#organizationId,
			made: this.#made,
			operations,
		});
	}
}

/** In each environment so many times. */
function loaderReads(times: number): Operation[] {
	return (['production', 'staging'] as const).flatMap((environment) =>
		Array.from({ length: times }, (): Operation => ({ kind: 'loader', environment })),
	);
}

const isRefused = (result: Result | undefined) => result === undefined || 'refusal' in result;

class GivenUp extends Error {}
