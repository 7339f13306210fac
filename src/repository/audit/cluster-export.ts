import type { Statements } from '../statements.ts';
import {
	type ClusterPosition,
	type ClusterProgress,
	checkClusterHistory,
	clusterCursor,
	firstOf,
	isUnseen,
	type OrganizationProgress,
	organizationCursor,
	type PlaceInTransactions,
	readClusterCursor,
	readClusterPosition,
	readOrganizationCursor,
} from './cluster-position.ts';
import { placeInTransactions, toEntry } from './entry.ts';
import { batch, ExportReader, type Known } from './export-reader.ts';
import type { CheckedFilter, LogOrder } from './filter.ts';
import { LogQuery, readFound } from './log-query.ts';

/** Where an export begins, and what is called with where the next one does. */
interface Cursors {
	readonly cursor: string | undefined;
	readonly onCursor: ((cursor: string) => void) | undefined;
}

/** {@link exportLog} where the tables are distributed by Citus. */
export async function* exportFromCluster(
	statements: Statements,
	filter: CheckedFilter,
	order: LogOrder,
	cursors: Cursors,
): AsyncGenerator<string, void, undefined> {
	const { organizationId, destinationId } = filter;
	const own =
		statements.organizationId ??
		organizationId ??
		(destinationId && (await organizationOf(statements, destinationId)));
	if (own !== undefined) yield* exportOfOne(statements.of(own), filter, order, cursors);
	else yield* exportOfAll(statements, filter, cursors);
}

/** All entries of a destination are of one organization; of one that there is not, they would be of none. */
async function organizationOf(statements: Statements, destinationId: string): Promise<string> {
	const [row] = await statements.run(
		'SELECT organization_id FROM public.destination_audit_log WHERE destination_id = $1 LIMIT 1',
		[destinationId],
	);
	return row?.[0] ?? '00000000-0000-0000-0000-000000000000';
}

/** Of one organization, by ids: of its entries they increase, wherever they are. */
async function* exportOfOne(
	statements: Statements,
	filter: CheckedFilter,
	byTime: LogOrder,
	{ cursor, onCursor }: Cursors,
): AsyncGenerator<string, void, undefined> {
	const before = cursor === undefined ? undefined : readOrganizationCursor(cursor);
	const position = await readClusterPosition(statements);
	if (before !== undefined) checkClusterHistory(before.position, position);
	// Behind the position, so that every entry that was committed there has an id up to this one.
	const [row] = await statements.run(
		`SELECT id::text FROM public.destination_audit_log WHERE organization_id = $1
		 ORDER BY id DESC NULLS LAST LIMIT 1`,
		[statements.organizationId],
		{ inOrder: true },
	);
	const newest = row?.[0] ?? '0';
	const order = before === undefined ? byTime : 'written';
	const known = knownAt({ position, newest });
	const reader = new ExportReader(statements, filter, order, known, (text, values) =>
		statements.run(text, values, { inOrder: true }),
	);
	if (before !== undefined) yield* reader.late(knownAt(before));
	const onPlace = (id: string) => onCursor?.(organizationCursor({ position, newest: id }));
	yield* reader.written(before?.newest, order === 'written' ? onPlace : undefined);
	onPlace(newest);
}

function knownAt({ position, newest }: OrganizationProgress): Known {
	return { newest, isPending: (query) => isUnseen(position, query) };
}

/** Of all organizations, by transactions: those of one node after those of another. */
async function* exportOfAll(
	statements: Statements,
	filter: CheckedFilter,
	{ cursor, onCursor }: Cursors,
): AsyncGenerator<string, void, undefined> {
	const before = cursor === undefined ? undefined : readClusterCursor(cursor);
	const position = await readClusterPosition(statements);
	if (before !== undefined) checkClusterHistory(before.position, position);
	for (const node of position) {
		const late = ofBefore(before, node.node).running.filter((id) => !node.running.includes(id));
		if (late.length === 0) continue;
		const isLate = (query: LogQuery) => `transaction_id = ANY (${query.value(late)}::bigint[])`;
		yield* read(statements, filter, isLate, beginning);
	}
	for (const node of position) {
		const { to } = ofBefore(before, node.node);
		const isNew = (query: LogQuery) =>
			`transaction_id < ${query.value(node.to)}::bigint
			 AND transaction_id <> ALL (${query.value(node.running)}::bigint[])`;
		const start = before?.place?.transaction === to ? before.place : { transaction: to, id: '0' };
		if (BigInt(start.transaction) >= BigInt(node.to)) continue;
		yield* read(statements, filter, isNew, start, (place) =>
			onCursor?.(clusterCursor(cutOff(before, position, node.node, place))),
		);
	}
	onCursor?.(clusterCursor({ position, place: null }));
}

const beginning: PlaceInTransactions = { transaction: '0', id: '0' };

/** What the export before had seen of a node. */
function ofBefore(before: ClusterProgress | undefined, node: number) {
	return before?.position[node] ?? { to: String(firstOf(node)), running: [] };
}

/** How far an export is that has read nodes up to one, and of this one up to a place. */
function cutOff(
	before: ClusterProgress | undefined,
	position: ClusterPosition,
	at: number,
	place: PlaceInTransactions,
): ClusterProgress {
	const cut = position.map((node) => {
		if (node.node < at) return node;
		const to = node.node === at ? place.transaction : ofBefore(before, node.node).to;
		return { ...node, to, running: node.running.filter((id) => BigInt(id) < BigInt(to)) };
	});
	return { position: cut, place };
}

/** Entries behind a place that meet a condition and the filter, in the order of transactions. */
async function* read(
	statements: Statements,
	filter: CheckedFilter,
	condition: (query: LogQuery) => string,
	start: PlaceInTransactions,
	onPlace?: (place: PlaceInTransactions) => void,
): AsyncGenerator<string, void, undefined> {
	let after = start;
	for (;;) {
		const query = new LogQuery(undefined, filter, 'committed');
		const { transaction, id } = after;
		const behind = `(transaction_id, id) > (${query.value(transaction)}::bigint, ${query.value(id)}::bigint)`;
		const text = query.page(false, [condition(query), behind], String(batch));
		const found = readFound(await statements.run(text, query.values, { inOrder: true }), batch);
		for (const row of found.rows) yield `${JSON.stringify(toEntry(row))}\n`;
		if (found.last === undefined) return;
		after = placeInTransactions(found.last);
		onPlace?.(after);
	}
}
