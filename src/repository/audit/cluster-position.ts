import { z } from 'zod';
import { sqlStateOf } from '../../database/sql-errors.ts';
import { UnsupportedError } from '../../errors.ts';
import type { Statements } from '../statements.ts';
import { fromCursor, isOfOtherHistory, type Numbered, toCursor } from './export-cursor.ts';
import { isLogId } from './pages.ts';

/**
 * What an export on a cluster knows of the transactions of one node, by a snapshot that the node took. In front of each number stands
 * the node, so that entries say which node wrote them, wherever their rows are.
 *
 * All are decimal numbers of 64 bits.
 */
interface NodePosition {
	/** From 1 on; 0 stands for what was written before the tables were distributed. */
	readonly node: number;
	/** What distinguishes the node's history of transactions from another; null where the node is no more. */
	readonly server: string | null;
	/** Transactions before this one had ended, */
	readonly to: string;
	/** but for these. */
	readonly running: readonly string[];
	/** Whether rows of the log were on the node. */
	readonly holdsRows: boolean;
}

/** Of every node that had written anything, in the order of their numbers. Of others nothing was seen. */
export type ClusterPosition = readonly NodePosition[];

/** A place in the log in the order of transactions, behind an entry. */
export interface PlaceInTransactions {
	readonly transaction: string;
	readonly id: string;
}

/** Up to where an export of the log of a cluster has come. */
export interface ClusterProgress {
	readonly position: ClusterPosition;
	/** Behind which entry of the transaction that a node's `to` names; null where none of that was seen. */
	readonly place: PlaceInTransactions | null;
}

/** The least number of a node's transactions. */
export const firstOf = (node: number) => BigInt(node) << 48n;

/** The node in front of a transaction's number. */
export const nodeOf = (transaction: string) => Number(BigInt(transaction) >> 48n);

const number = z.string().refine(isLogId);
const answer = z.array(
	z.object({
		node: z.number(),
		server: z.string().nullable(),
		to: number,
		running: z.array(number),
		holds_rows: z.boolean(),
	}),
);

/**
 * Asks each node what it has committed.
 *
 * @throws UnsupportedError on a standby, and in a transaction whose snapshot may be older than the answer.
 * @throws UnavailableError if a node does not answer.
 */
export async function readClusterPosition(statements: Statements): Promise<ClusterPosition> {
	const text = 'SELECT public.destination_audit_log_positions()::text';
	const [row] = await statements.run(text, []).catch((error: unknown) => {
		if (sqlStateOf(error) !== '0A000' || !(error instanceof Error)) throw error;
		throw new UnsupportedError(`The log cannot be exported: ${error.message}.`, { cause: error });
	});
	const nodes = answer.parse(JSON.parse(String(row?.[0])));
	return nodes.map(({ holds_rows: holdsRows, ...node }) => ({ ...node, holdsRows }));
}

/**
 * Looks whether each node has the history of a cursor still.
 *
 * @throws ValidationError if one has not, or is no more and had rows: what it lost, or how it went on, nobody knows.
 */
export function checkClusterHistory(before: ClusterPosition, now: ClusterPosition): void {
	const isOther = before.some(({ node, server, to, holdsRows }) => {
		const same = now[node];
		if (same === undefined || same.server === null) return server !== null && holdsRows;
		return same.server !== server || BigInt(same.to) < BigInt(to);
	});
	if (isOther) throw isOfOtherHistory();
}

/** Whether an entry was not committed yet at a position; as SQL. */
export function isUnseen(position: ClusterPosition, query: Numbered): string {
	const running = position.flatMap((node) => node.running);
	const later = position
		.filter(({ node, to }) => BigInt(to) < firstOf(node + 1))
		.map(({ node, to }) => between(to, firstOf(node + 1), query));
	const others = `transaction_id >= ${query.value(String(firstOf(position.length)))}::bigint`;
	const isRunning = `transaction_id = ANY (${query.value(running)}::bigint[])`;
	return `(${[isRunning, ...later, others].join(' OR ')})`;
}

function between(from: string, end: bigint, query: Numbered): string {
	return `(transaction_id >= ${query.value(from)}::bigint AND transaction_id < ${query.value(String(end))}::bigint)`;
}

const version = 2;
const nodes = z.array(
	z.tuple([z.string().nullable(), number, z.array(number), z.boolean()]).readonly(),
);
const cursorOfAll = z.tuple([
	z.literal(version),
	nodes,
	z.union([z.tuple([number, number]), z.null()]),
]);
const cursorOfOne = z.tuple([z.literal(version), nodes, number]);

const partsOf = (position: ClusterPosition) =>
	position.map(({ server, to, running, holdsRows }) => [server, to, running, holdsRows]);
const positionOf = (parts: z.output<typeof nodes>): ClusterPosition =>
	parts.map(([server, to, running, holdsRows], node) => ({ node, server, to, running, holdsRows }));

/** The cursor of an export of everything. */
export function clusterCursor({ position, place }: ClusterProgress): string {
	const parts = place === null ? null : [place.transaction, place.id];
	return toCursor([version, partsOf(position), parts]);
}

/** @throws ValidationError if it is not one. */
export function readClusterCursor(cursor: string): ClusterProgress {
	const [, parts, place] = fromCursor(cursor, cursorOfAll);
	return {
		position: positionOf(parts),
		place: place && { transaction: place[0], id: place[1] },
	};
}

/** Of the entries of one organization, whose ids increase wherever its rows are. */
export interface OrganizationProgress {
	readonly position: ClusterPosition;
	readonly newest: string;
}

/** The cursor of an export of one organization. */
export function organizationCursor({ position, newest }: OrganizationProgress): string {
	return toCursor([version, partsOf(position), newest]);
}

/** @throws ValidationError if it is not one. */
export function readOrganizationCursor(cursor: string): OrganizationProgress {
	const [, parts, newest] = fromCursor(cursor, cursorOfOne);
	return { position: positionOf(parts), newest };
}
