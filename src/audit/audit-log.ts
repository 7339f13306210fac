import type { ScopedPrismaClient } from '../prisma.ts';
import { checkUuid, type Scope } from '../tenancy/scope.ts';
import { type AuditEntry, toEntry } from './entry.ts';
import { checkLimit, cursorId, type Page, type PageOptions, pageOf } from './pages.ts';

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

/** How many entries an export reads at once, which bounds its memory. */
const exportBatch = 500;

/** Who changed what, as the database recorded it. Nobody can change it. */
export class AuditLog {
	readonly #prisma: ScopedPrismaClient;
	readonly #scope: Scope;

	/** @internal Use `forOrganization().audit` or `asService().audit`. */
	constructor(prisma: ScopedPrismaClient, scope: Scope) {
		this.#prisma = prisma;
		this.#scope = scope;
	}

	/**
	 * A page of the log, the newest first.
	 *
	 * @throws ValidationError if an id, the cursor or the limit is none.
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
		const limit = checkLimit(options.limit);
		const before = options.cursor === undefined ? undefined : cursorId(options.cursor);
		const rows = await this.#prisma.destinationAuditEntry.findMany({
			where: { ...this.#where(options), ...(before === undefined ? {} : { id: { lt: before } }) },
			orderBy: { id: 'desc' },
			take: limit + 1,
		});
		return pageOf(rows, limit, ({ id }) => id.toString(), toEntry);
	}

	/**
	 * The log as JSON Lines (https://jsonlines.org), the oldest first: every entry that was committed when
	 * the export began. It holds one page in memory, however long the log is.
	 *
	 * An entry of a transaction that was still under way has its `id` already, and may be smaller than the
	 * last one of this export. So who exports regularly goes on a little before that one, and leaves out
	 * the ids that are there already.
	 *
	 * @throws ValidationError if an id is none.
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
		const where = this.#where(options);
		let after = options.after === undefined ? 0n : cursorId(options.after, 'after');
		const newest = await this.#prisma.destinationAuditEntry.findFirst({
			where,
			orderBy: { id: 'desc' },
			select: { id: true },
		});
		if (newest === null) return;
		for (;;) {
			const rows = await this.#prisma.destinationAuditEntry.findMany({
				where: { ...where, id: { gt: after, lte: newest.id } },
				orderBy: { id: 'asc' },
				take: exportBatch,
			});
			for (const row of rows) yield `${JSON.stringify(toEntry(row))}\n`;
			const last = rows.at(-1);
			if (last === undefined || rows.length < exportBatch) return;
			after = last.id;
		}
	}

	#where({ destinationId, organizationId }: AuditFilter) {
		const wanted =
			organizationId === undefined ? undefined : checkUuid('organizationId', organizationId);
		const own = this.#scope.organizationId;
		return {
			...(destinationId === undefined
				? {}
				: { destinationId: checkUuid('destinationId', destinationId) }),
			// Row level security is the wall; naming the organization too lets the planner use its index.
			...(own === undefined ? {} : { organizationId: own }),
			...(wanted === undefined ? {} : { AND: [{ organizationId: wanted }] }),
		};
	}
}
