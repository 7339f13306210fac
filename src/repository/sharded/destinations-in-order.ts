import type { Destination } from '../../destinations/destination.ts';
import type { UnopenedDestination } from '../../destinations/unopened.ts';
import type { Page } from '../audit/pages.ts';
import { type Place, sortableTime } from '../cursor.ts';
import { orderOf } from '../list-order.ts';
import { toPage, type WantedPage } from '../pages.ts';
import { merged, type Source } from './merge.ts';
import { isOn, naming, type ServiceShard, type ServiceShards } from './shard.ts';

const listing = { name: 'destinations.list', operation: 'list', table: 'destinations' };
const findingByType = { ...listing, name: 'destinations.findByType', operation: 'findByType' };

interface Row {
	readonly destination: Destination;
	readonly place: Place;
	/** By which rows of all shards are ordered. */
	readonly key: string;
	readonly shard: ServiceShard;
}

/** A page of the destinations of all shards, which has the same cursors as that of one. */
export async function pageOfShards(
	shards: ServiceShards,
	wanted: WantedPage,
): Promise<Page<Destination | UnopenedDestination>> {
	const rows: Row[] = [];
	for await (const row of inOrder(shards, wanted, listing)) {
		rows.push(row);
		if (rows.length > wanted.limit) break;
	}
	return toPage(rows, wanted);
}

/** How many rows of each shard are read at once, which bounds what is in memory besides the answer. */
const batch = 500;

/** All destinations of all shards that a filter finds, the newest first. */
export async function allOfShards(
	shards: ServiceShards,
	filter: WantedPage['filter'],
): Promise<Destination[]> {
	const found: Destination[] = [];
	const limit = batch * shards.all.length;
	const wanted = { filter, order: 'newest', after: undefined, limit, unopened: undefined } as const;
	for await (const { destination } of inOrder(shards, wanted, findingByType)) {
		found.push(destination);
	}
	return found;
}

/** Destinations of all shards in an order that every shard has an index for: by time of creation. */
async function* inOrder(
	shards: ServiceShards,
	{ filter, order, after: start, limit }: WantedPage,
	kind: typeof listing,
): AsyncGenerator<Row, void, undefined> {
	const { direction } = orderOf(order);
	const sources = shards.all.map((shard): Source<Row> => {
		const { table, operations } = shard.tools;
		return async (after, size) => {
			const place = after?.place ?? start;
			const reading = operations.run(kind, () => table.page(filter, order, place, size));
			const rows = await naming(shard, reading);
			const items = rows.map((row) => ({ ...row, key: sortableTime(row.place.key), shard }));
			return { items, isLast: rows.length < size };
		};
	});
	const isBefore = (a: Row, b: Row) => {
		const [first, second] = direction === 'ASC' ? [a, b] : [b, a];
		return first.key === second.key ? first.place.id < second.place.id : first.key < second.key;
	};
	for await (const row of merged(sources, isBefore, limit + 1)) {
		if (isOn(shards, row.shard, row.destination.organizationId)) yield row;
	}
}
