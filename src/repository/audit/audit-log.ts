import { limitArguments } from '../../input/argument-count.ts';
import { uuid } from '../../input/checks.ts';
import { checkOptions, type OptionSchemas, optionsOf } from '../../input/options.ts';
import { pageLimit } from '../../input/page.ts';
import type { Statements } from '../statements.ts';
import { type AuditEntry, entryColumns, toEntry } from './entry.ts';
import { logCursor, type Page, type PageOptions, pageOf } from './pages.ts';

/** Which entries are wanted. In the scope of an organization they are its own in any case. */
export interface AuditFilter {
	/** UUID. @defaultValue all destinations */
	readonly destinationId?: string | undefined;
	/** UUID. @defaultValue all organizations of the scope */
	readonly organizationId?: string | undefined;
}

/** Options of {@link AuditLog.export}. */
export interface AuditExportOptions extends AuditFilter {
	/** The `id` of an entry, to go on behind it. @defaultValue from the first entry on */
	readonly after?: string | undefined;
}

const filterSchemas = { destinationId: uuid.optional(), organizationId: uuid.optional() };
const listOptions = optionsOf({
	...filterSchemas,
	cursor: logCursor.optional(),
	limit: pageLimit,
} satisfies OptionSchemas<AuditFilter & PageOptions>);
const exportOptions = optionsOf({
	...filterSchemas,
	after: logCursor.default(0n),
} satisfies OptionSchemas<AuditExportOptions>);

/** How many entries an export reads at once, which bounds its memory. */
const exportBatch = 500;

/** One organization or destination may have thousands of times as many entries as a page, which a sort would read all. */
const inOrder = { inOrder: true };

/** Who changed what, as the database recorded it. Nobody can change it. */
export class AuditLog {
	readonly #statements: Statements;

	/** @internal Use `forOrganization().audit` or `asService().audit`. */
	constructor(statements: Statements) {
		this.#statements = statements;
	}

	/**
	 * A page of the log, the newest first.
	 *
	 * @throws ValidationError if an id, the cursor or the limit is not valid.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 *
	 * const { items, nextCursor } = await acme.audit.list({ limit: 20 });
	 * for (const { action, actorId, changes } of items) process.stdout.write(`${action} by ${actorId}\n`);
	 * ```
	 */
	async list(options: AuditFilter & PageOptions = {}): Promise<Page<AuditEntry>> {
		const { limit, cursor: before, ...filter } = checkOptions(listOptions, options);
		const values: unknown[] = [];
		const conditions = this.#conditions(filter, values);
		const order = newestFirst(conditions);
		if (before !== undefined) conditions.push(`id < $${values.push(before)}`);
		const rows = await this.#statements.run(
			`${select(entryColumns, conditions)} ${order} LIMIT $${values.push(limit + 1)}`,
			values,
			inOrder,
		);
		return pageOf(
			rows.map(toEntry),
			limit,
			({ id }) => id,
			(entry) => entry,
		);
	}

	/**
	 * The log as JSON Lines (https://jsonlines.org), the oldest first: every entry that was committed when
	 * the export began. It holds one page in memory, however long the log is.
	 *
	 * An entry of a transaction that was still under way has its `id` already, and may be smaller than the
	 * last one of this export. So who exports regularly goes on a little before that one, and leaves out
	 * the ids that are there already.
	 *
	 * @throws ValidationError if an id is not valid.
	 *
	 * @example
	 * ```ts
	 * import { createWriteStream } from 'node:fs';
	 * import { pipeline } from 'node:stream/promises';
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 *
	 * await pipeline(acme.audit.export(), createWriteStream('audit.jsonl'));
	 * ```
	 */
	async *export(options: AuditExportOptions = {}): AsyncGenerator<string, void, undefined> {
		const { after: first, ...filter } = checkOptions(exportOptions, options);
		const values: unknown[] = [];
		const conditions = this.#conditions(filter, values);
		let after = first;
		const [newest] = await this.#statements.run(
			`${select('id', conditions)} ${newestFirst(conditions)} LIMIT 1`,
			values,
			inOrder,
		);
		if (newest === undefined) return;
		const [afterId, newestId] = [`$${values.length + 1}`, `$${values.length + 2}`];
		const page = `${select(entryColumns, [...conditions, `id > ${afterId}`, `id <= ${newestId}`])}
			${oldestFirst(conditions)} LIMIT ${exportBatch}`;
		for (;;) {
			const rows = await this.#statements.run(page, [...values, after, newest[0]], inOrder);
			const entries = rows.map(toEntry);
			for (const entry of entries) yield `${JSON.stringify(entry)}\n`;
			const last = entries.at(-1);
			if (last === undefined || entries.length < exportBatch) return;
			after = BigInt(last.id);
		}
	}

	/** The filter as SQL. Its values are added to those that are there. */
	#conditions({ destinationId, organizationId }: AuditFilter, values: unknown[]): string[] {
		const conditions: string[] = [];
		// Row level security is what separates organizations; naming the organization too lets the planner use its index.
		for (const id of [this.#statements.organizationId, organizationId]) {
			if (id !== undefined) conditions.push(`organization_id = $${values.push(id)}`);
		}
		if (destinationId !== undefined) {
			const ofOne = `destination_id = $${values.push(destinationId)}`;
			// The index is in order where both are known.
			if (conditions.length === 0) conditions.push(`organization_id = ${organizationOf(ofOne)}`);
			conditions.push(ofOne);
		}
		return conditions;
	}
}

limitArguments(AuditLog.prototype, { list: 1, export: 1 });

/** The organization of a destination, all of whose entries have the same one. */
function organizationOf(destination: string): string {
	return `(SELECT organization_id FROM public.destination_audit_log
		WHERE ${destination} ORDER BY organization_id LIMIT 1)`;
}

function select(what: string, conditions: readonly string[]): string {
	const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
	return `SELECT ${what} FROM public.destination_audit_log ${where}`;
}

/**
 * The order of the indexes by destination and by organization. The primary key has another one: by that, Postgres
 * might walk past any number of other entries to the few that are wanted.
 *
 * @param filter empty where every entry is wanted, which is what the primary key is for
 */
function newestFirst(filter: readonly string[]): string {
	return filter.length === 0 ? 'ORDER BY id DESC' : 'ORDER BY id DESC NULLS LAST';
}

function oldestFirst(filter: readonly string[]): string {
	return filter.length === 0 ? 'ORDER BY id' : 'ORDER BY id NULLS FIRST';
}
