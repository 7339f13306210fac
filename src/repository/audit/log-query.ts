import type { TextRow } from '../../database/scoped-sql.ts';
import { entryColumns } from './entry.ts';
import type { CheckedFilter, LogOrder } from './filter.ts';

/**
 * How many entries are looked at for a page at most. What no index has is looked for among these, so that a page costs the same
 * however rare it is and however long the log.
 */
const lookedAt = 10_000;

/** Conditions of a filter as SQL, with their values. */
export class LogQuery {
	readonly values: unknown[] = [];
	readonly #order: LogOrder | 'committed';
	/** What an index has in this order. */
	readonly #indexed: string[] = [];
	/** What must be looked for among them. */
	readonly #others: string[] = [];

	/**
	 * @param own the organization of the scope, if it is that of one.
	 * @param order `committed` is that of transactions, which a cluster has of all organizations.
	 */
	constructor(own: string | undefined, filter: CheckedFilter, order: LogOrder | 'committed') {
		this.#order = order;
		const { organizationId, destinationId, actorId, action, from, to } = filter;
		// Row level security is what separates organizations; naming the organization too lets the planner use its index.
		for (const id of [own, organizationId]) {
			if (id !== undefined) this.#indexed.push(`organization_id = ${this.value(id)}`);
		}
		const written = order === 'written';
		if (destinationId !== undefined) {
			const ofOne = `destination_id = ${this.value(destinationId)}`;
			// The index is in order where both are known.
			if (this.#indexed.length === 0 && written)
				this.#indexed.push(`organization_id = ${organizationOf(ofOne)}`);
			(written ? this.#indexed : this.#others).push(ofOne);
		}
		if (actorId !== undefined) {
			const byOne = `actor_id = ${this.value(actorId)}`;
			const isIndexed = written && destinationId === undefined && this.#indexed.length > 0;
			(isIndexed ? this.#indexed : this.#others).push(byOne);
		}
		if (action !== undefined) this.#others.push(`action = ${this.value(action)}`);
		const times = written ? this.#others : this.#indexed;
		if (from !== undefined) times.push(`recorded_at >= ${this.value(from)}::timestamptz`);
		if (to !== undefined) times.push(`recorded_at < ${this.value(to)}::timestamptz`);
	}

	/** Adds a value; returns the parameter that stands for it. */
	value(value: unknown): string {
		return `$${this.values.push(value instanceof Date ? value.toISOString() : value)}`;
	}

	/**
	 * Entries that meet the filter and `more`, in order, as {@link readFound} reads them: the last of those that were looked at comes in any
	 * case, as the place where the search goes on.
	 */
	page(newestFirst: boolean, more: readonly string[], limit: string): string {
		const conditions = [...this.#indexed, ...more];
		const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
		const entries = `SELECT ${entryColumns} FROM public.destination_audit_log ${where} ${this.#by(newestFirst)}`;
		if (this.#others.length === 0) {
			return `SELECT *, true, false FROM (${entries} LIMIT ${limit}) AS entries`;
		}
		const [meets, ends] = [`coalesce(${this.#others.join(' AND ')}, false)`, `place = ${lookedAt}`];
		return `SELECT ${entryColumns}, ${meets}, ${ends} FROM (
				SELECT *, pg_catalog.row_number() OVER () AS place FROM (${entries} LIMIT ${lookedAt}) AS entries
			) AS looked WHERE ${meets} OR ${ends} LIMIT ${limit}`;
	}

	/** Entries that meet the filter and `late`, which are few, behind an id. */
	late(late: string, after: string, limit: string): string {
		const where = [...this.#indexed, ...this.#others, late, `id > ${after}::bigint`].join(' AND ');
		// Found by their transactions first: in the order of ids, Postgres would walk past any number of others.
		return `WITH late AS MATERIALIZED (SELECT ${entryColumns} FROM public.destination_audit_log WHERE ${where})
			SELECT *, true, false FROM late ORDER BY id LIMIT ${limit}`;
	}

	/**
	 * The order of the indexes by destination, by actor and by organization. The primary key has another one: by that, Postgres
	 * might walk past any number of other entries to the few that are wanted. It is meant where every entry is wanted.
	 */
	#by(newestFirst: boolean): string {
		const direction = newestFirst ? 'DESC' : 'ASC';
		if (this.#order === 'committed') return 'ORDER BY transaction_id, id';
		if (this.#order === 'recorded') return `ORDER BY recorded_at ${direction}, id ${direction}`;
		if (this.#indexed.length === 0) return `ORDER BY id ${direction}`;
		return `ORDER BY id ${direction} NULLS ${newestFirst ? 'LAST' : 'FIRST'}`;
	}
}

/** The organization of a destination, all of whose entries have the same one. */
function organizationOf(destination: string): string {
	return `(SELECT organization_id FROM public.destination_audit_log
		WHERE ${destination} ORDER BY organization_id LIMIT 1)`;
}

/** What a page has, and where the search goes on. */
export interface Found {
	readonly rows: readonly TextRow[];
	/** The last entry that was looked at, where there may be more behind it. */
	readonly last: TextRow | undefined;
}

/** @param limit of the statement. */
export function readFound(rows: readonly TextRow[], limit: number): Found {
	const last = rows.at(-1);
	const goesOn = rows.length >= limit || last?.at(-1) === 't';
	return { rows: rows.filter((row) => row.at(-2) === 't'), last: goesOn ? last : undefined };
}
