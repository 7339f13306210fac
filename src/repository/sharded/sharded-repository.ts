import { checkUuid } from '../../database/scope.ts';
import { firstOf, onEach } from '../../database/shards.ts';
import type { Destination } from '../../destinations/destination.ts';
import { environmentName, typeName } from '../../destinations/input-schemas.ts';
import { isDestinationType } from '../../destinations/registry.ts';
import { NotFoundError } from '../../errors.ts';
import { uuidPattern } from '../../ids/uuid-pattern.ts';
import { limitArguments } from '../../input/argument-count.ts';
import { checkArgument } from '../../input/options.ts';
import { type DestinationAt, differencesBetween, stateAt } from '../diff.ts';
import { noSuchDestination } from '../not-found.ts';
import { type DestinationPageOptions, readPageOptions } from '../pages.ts';
import type { DestinationRepository } from '../repository.ts';
import { allOfShards, pageOfShards } from './destinations-in-order.ts';
import { naming, organizationIn, type ServiceShard, type ServiceShards } from './shard.ts';

type Parameter<Name extends keyof DestinationRepository> = Parameters<DestinationRepository[Name]>;
type Answer<Name extends keyof DestinationRepository> = ReturnType<DestinationRepository[Name]>;

const locating = { name: 'destinations.locate', operation: 'locate', table: 'destinations' };
const anyEnvironment = environmentName.optional();

/** Where a destination is, or where it is not. */
interface FoundShard {
	readonly shard?: ServiceShard;
	readonly without?: ServiceShard | undefined;
}

/**
 * Destinations of all shards, for the service: each call does on the shard of its organization, or of its destination, what the
 * repository of that shard does. What is about all is asked of all.
 */
export class ShardedRepository
	implements Record<keyof DestinationRepository, (...given: never) => unknown>
{
	readonly #shards: ServiceShards;

	constructor(shards: ServiceShards) {
		this.#shards = shards;
	}

	async create(...[input]: Parameter<'create'>): Promise<Destination> {
		return this.#ofOrganization(organizationIn(input), (on) => on.create(input));
	}

	async findById(...given: Parameter<'findById'>): Answer<'findById'> {
		const [id, options] = given;
		checkUuid('id', id);
		const named = organizationIn(options);
		// What else the options are is for the shards to say, all of which say the same.
		if (named !== undefined) return this.#shards.of(named).destinations.findById(...given);
		const asked = this.#shards.all.map(async (shard) => {
			const found = await naming(shard, shard.destinations.findById(...given));
			return found && this.#shards.of(found.organizationId) === shard ? found : undefined;
		});
		return (await firstOf(asked)) ?? null;
	}

	async findByOrganization(
		...given: Parameter<'findByOrganization'>
	): Answer<'findByOrganization'> {
		const organizationId = checkUuid('organizationId', given[0]);
		return this.#ofOrganization(organizationId, (on) => on.findByOrganization(...given));
	}

	async findByType(...[type, environment]: Parameter<'findByType'>): Answer<'findByType'> {
		const filter = {
			type: checkArgument('type', typeName, type),
			environment: checkArgument('environment', anyEnvironment, environment),
		};
		return allOfShards(this.#shards, filter);
	}

	async list(options: DestinationPageOptions = {}): Answer<'list'> {
		const named = organizationIn(options);
		if (named !== undefined) return this.#ofOrganization(named, (on) => on.list(options));
		const wanted = readPageOptions(this.#first.tools.scope, options);
		// Without `unopened` there are none that are marked.
		return pageOfShards(this.#shards, wanted) as Answer<'list'>;
	}

	/** A row that is left over from a move is counted, too: to leave it out, all would have to be read. */
	async count(...given: Parameter<'count'>): Answer<'count'> {
		const named = organizationIn(given[0]);
		if (named !== undefined) return this.#ofOrganization(named, (on) => on.count(...given));
		const counts = this.#shards.all.map((shard) =>
			naming(shard, shard.destinations.count(...given)),
		);
		return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
	}

	async update(...given: Parameter<'update'>): Answer<'update'> {
		return this.#ofDestination(given[0], given[2], (on) => on.update(...given));
	}

	async patchSettings(...given: Parameter<'patchSettings'>): Answer<'patchSettings'> {
		return this.#ofDestination(given[0], given[2], (on) => on.patchSettings(...given));
	}

	async copyTo(...given: Parameter<'copyTo'>): Answer<'copyTo'> {
		return this.#ofDestination(given[0], given[2], (on) => on.copyTo(...given));
	}

	async softDelete(...given: Parameter<'softDelete'>): Answer<'softDelete'> {
		return this.#ofDestination(given[0], given[1], (on) => on.softDelete(...given));
	}

	async restore(...given: Parameter<'restore'>): Answer<'restore'> {
		return this.#ofDestination(given[0], given[1], (on) => on.restore(...given));
	}

	async testConnection(...given: Parameter<'testConnection'>): Answer<'testConnection'> {
		const [id, options] = given;
		return this.#ofDestination(id, options, (on) => on.testConnection(...given));
	}

	async testConnectionOutcome(
		...given: Parameter<'testConnectionOutcome'>
	): Answer<'testConnectionOutcome'> {
		return this.#ofDestination(given[0], given[1], (on) => on.testConnectionOutcome(...given));
	}

	async testSettings(...given: Parameter<'testSettings'>): Answer<'testSettings'> {
		const [typeOrId, , options] = given;
		// Settings that are not saved are on no shard.
		if (isDestinationType(typeOrId)) return this.#first.destinations.testSettings(...given);
		return this.#ofDestination(typeOrId, options, (on) => on.testSettings(...given));
	}

	async history(...given: Parameter<'history'>): Answer<'history'> {
		const [id, options] = given;
		const { shard, without } = await this.#find(id, options);
		if (shard !== undefined) return shard.destinations.history(...given);
		// One that was purged has its log, and nothing else.
		const logged = this.#shards.all.map(async (other) => {
			const { items } = await naming(other, other.audit.list({ destinationId: id, limit: 1 }));
			return items.length > 0 ? other : undefined;
		});
		const on = (await firstOf(logged)) ?? without ?? this.#first;
		return on.destinations.history(...given);
	}

	async diff(...given: Parameter<'diff'>): Answer<'diff'> {
		const [a, b, options] = given;
		const [first, second] = [
			await this.#find(idOf(a), options),
			await this.#find(idOf(b), options),
		];
		const [onFirst, onSecond] = [first.shard ?? first.without, second.shard ?? second.without];
		if (onFirst === undefined || onSecond === undefined || onFirst === onSecond) {
			return (onFirst ?? this.#first).destinations.diff(...given);
		}
		return differencesBetween(
			await stateAt(onFirst.tools, 'a', a),
			await stateAt(onSecond.tools, 'b', b),
		);
	}

	async revert(...given: Parameter<'revert'>): Answer<'revert'> {
		return this.#ofDestination(given[0], given[2], (on) => on.revert(...given));
	}

	async purge(...given: Parameter<'purge'>): Answer<'purge'> {
		const [id, options] = given;
		return this.#ofDestination(id, options, (on) => on.purge(...given));
	}

	async purgeDeleted(...[options]: Parameter<'purgeDeleted'>): Answer<'purgeDeleted'> {
		return this.#removeFromEach(options, (on, counted) => on.purgeDeleted(counted));
	}

	async pruneSettingsHistory(
		...[options]: Parameter<'pruneSettingsHistory'>
	): Answer<'pruneSettingsHistory'> {
		return this.#removeFromEach(options, (on, counted) => on.pruneSettingsHistory(counted));
	}

	/** For calls that one shard answers as well as another. There is at least one. */
	get #first(): ServiceShard {
		const [first] = this.#shards.all;
		if (first === undefined) throw new Error('A client has at least one shard');
		return first;
	}

	/** @param organizationId left out where the call names none that is one, which any shard refuses alike. */
	#ofOrganization<R>(
		organizationId: string | undefined,
		work: (on: DestinationRepository) => Promise<R>,
	): Promise<R> {
		const shard = organizationId === undefined ? this.#first : this.#shards.of(organizationId);
		return work(shard.destinations);
	}

	/** A destination that is nobody's is looked for where there is nothing of it, so that the call says what it says of any. */
	async #ofDestination<R>(
		id: string,
		options: unknown,
		work: (on: DestinationRepository) => Promise<R>,
	): Promise<R> {
		const { shard, without } = await this.#find(id, options);
		const on = shard ?? without;
		if (on === undefined) throw new NotFoundError(noSuchDestination(id));
		return work(on.destinations);
	}

	/**
	 * The shard that has a destination, deleted ones included: that of the organization that the options name, or the one
	 * that says so and is its organization's. Where there is none, a shard that has no row of it either, left over from a move.
	 */
	async #find(id: unknown, options: unknown): Promise<FoundShard> {
		const named = organizationIn(options);
		if (named !== undefined) return { shard: this.#shards.of(named) };
		// Any shard refuses it.
		if (typeof id !== 'string' || !uuidPattern.test(id)) return { without: this.#first };
		const leftOver = new Set<ServiceShard>();
		const asked = this.#shards.all.map(async (shard) => {
			const { operations, statements } = shard.tools;
			const text = 'SELECT organization_id FROM public.destinations WHERE id = $1';
			const asking = operations.run(locating, () => statements.run(text, [id]));
			const [row] = await naming(shard, asking);
			if (row === undefined) return undefined;
			leftOver.add(shard);
			return this.#shards.of(String(row[0])) === shard ? shard : undefined;
		});
		const shard = await firstOf(asked);
		if (shard !== undefined) return { shard };
		return { without: this.#shards.all.find((each) => !leftOver.has(each)) };
	}

	/** Removes on one shard after the other, whichever fails, and counts what is gone from all. */
	async #removeFromEach<
		Options extends Parameter<'purgeDeleted'>[0] | Parameter<'pruneSettingsHistory'>[0],
	>(
		options: Options,
		remove: (on: DestinationRepository, options: Options) => Promise<number>,
	): Promise<number> {
		let before = 0;
		const onProgress = ({ removed }: { removed: number }) =>
			options.onProgress?.({ removed: before + removed });
		// As they were given, where they are not options at all: each shard refuses them.
		const counted =
			typeof Object(options).onProgress === 'function' ? { ...options, onProgress } : options;
		await onEach(this.#shards.all, async (shard) => {
			before += await naming(shard, remove(shard.destinations, counted));
		});
		return before;
	}
}

// All others pass on what they are called with, which the repository of the shard refuses.
type Answering = 'create' | 'findByType' | 'list' | 'purgeDeleted' | 'pruneSettingsHistory';
limitArguments<Pick<ShardedRepository, Answering>>(ShardedRepository.prototype, {
	create: 1,
	findByType: 2,
	list: 1,
	purgeDeleted: 1,
	pruneSettingsHistory: 1,
});

function idOf(at: DestinationAt): unknown {
	return typeof at === 'string' ? at : Object(at).id;
}
