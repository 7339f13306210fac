import type { Scope } from '../database/scope.ts';
import type { ScopedSql, StatementOptions, TextRow } from '../database/scoped-sql.ts';
import { columnName, fields } from '../destinations/columns.ts';
import type { Destination, Identity } from '../destinations/destination.ts';
import type { DestinationOrder } from '../destinations/list-query.ts';
import { withoutPresets } from '../destinations/presets.ts';
import type { DestinationType } from '../destinations/registry.ts';
import { markUnopened, settingsError } from '../destinations/unopened.ts';
import type { ValidatedCreate, ValidatedUpdate } from '../destinations/validate.ts';
import { openRow, type ReadRow } from '../encryption/open-row.ts';
import type { SeenDestination, SeenRows } from '../encryption/seen-rows.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { uuidv7 } from '../ids/uuidv7.ts';
import {
	type Copy,
	type SettingsChange,
	withCopy,
	withSettingsChange,
} from './audit/settings-change.ts';
import type { Place } from './cursor.ts';
import { orderOf } from './list-order.ts';
import {
	conditions,
	type DestinationFilter,
	definedIn,
	inOrder,
	select,
	selected,
	toRow,
} from './rows.ts';

/** The row that an update means. One of settings names all of its identity. */
export type Target = Pick<Identity, 'id'> & Partial<Identity> & Pick<DestinationFilter, 'version'>;

/** A destination that is copied, at the version that was read. */
export type Original = Pick<Destination, 'id' | 'organizationId' | 'version'>;

/** Whether an original is still what was read, live too, as a condition of SQL. Its values are added to those that are there. */
function isThere({ id, organizationId, version }: Original, values: unknown[]): string {
	const [itsId, itsVersion] = [`$${values.push(id)}`, `$${values.push(version)}`];
	return `EXISTS (SELECT FROM public.destinations AS original
		WHERE original.id = ${itsId} AND original.version = ${itsVersion}
		  AND original.organization_id = $${values.push(organizationId)})`;
}

/** As a condition of SQL. */
const whichRows = {
	live: 'AND deleted_at IS NULL',
	deleted: 'AND deleted_at IS NOT NULL',
} as const;

interface RowOptions extends StatementOptions {
	/** Called with each row as it was sent, before its settings are opened. */
	readonly each?: (row: ReadRow, texts: TextRow) => void;
}

/** A destination after an update of one version, or, at another one, as it is. */
export interface UpdatedOrRead {
	readonly updated: boolean;
	readonly destination: Destination | undefined;
}

/**
 * The table of destinations in one scope, by SQL of its own: what a service does most is here, and takes
 * half of what it takes by way of Prisma (docs/decisions/repository.md). Settings go in and come out in clear.
 */
export class DestinationTable {
	readonly #sql: ScopedSql;
	readonly #scope: Scope;
	readonly #encryption: SettingsEncryption;
	readonly #seen: SeenRows | undefined;
	readonly #organizationId: string | undefined;

	/**
	 * @param seen left out inside a transaction, which may be rolled back with what it wrote.
	 * @param organizationId the only one whose rows are meant, if it is known. Row level security is what separates
	 * organizations; statements name one so that its rows alone are looked for, wherever they are.
	 */
	constructor(
		sql: ScopedSql,
		scope: Scope,
		encryption: SettingsEncryption,
		seen?: SeenRows,
		organizationId = scope.organizationId,
	) {
		this.#sql = sql;
		this.#scope = scope;
		this.#encryption = encryption;
		this.#seen = seen;
		this.#organizationId = organizationId;
	}

	/** The same table, for one organization's rows. */
	of(organizationId: string): DestinationTable {
		return new DestinationTable(
			this.#sql,
			this.#scope,
			this.#encryption,
			this.#seen,
			organizationId,
		);
	}

	/** The same table, whose statements pass to the log which settings they change. */
	withSettingsChange(change: SettingsChange): DestinationTable {
		return this.#in(withSettingsChange(this.#scope, change));
	}

	/** The same table, whose statements pass to the log of which destination a row is a copy. */
	withCopy(copy: Copy): DestinationTable {
		return this.#in(withCopy(this.#scope, copy));
	}

	#in(scope: Scope): DestinationTable {
		return new DestinationTable(
			this.#sql,
			scope,
			this.#encryption,
			this.#seen,
			this.#organizationId,
		);
	}

	/**
	 * A live destination.
	 *
	 * @throws what its settings do not decrypt with, unlike everything else here: other rows are marked.
	 */
	async findOne(id: string): Promise<Destination | undefined> {
		const values: unknown[] = [];
		const where = this.#where({ id }, values);
		const [destination] = await this.#rows(select(where), values, { each: this.#note });
		const error = destination && settingsError(destination);
		if (error !== undefined) throw error;
		return destination;
	}

	/** All live destinations of a filter, the newest first. */
	async find(wanted: DestinationFilter): Promise<Destination[]> {
		const values: unknown[] = [];
		const filter = this.#ofOwn(wanted);
		const text = inOrder(conditions(filter, values), filter, 'newest');
		// The index of a type has the order. Those of an organization or an environment do not.
		const { organizationId, environment } = filter;
		return this.#rows(text, values, {
			inOrder: (organizationId ?? environment) === undefined,
			forAny: organizationId !== undefined,
		});
	}

	/**
	 * Live destinations in an order, each with its place in it.
	 *
	 * @param after the place behind which they begin.
	 */
	async page(
		wanted: DestinationFilter,
		order: DestinationOrder,
		after: Place | undefined,
		limit: number,
	): Promise<{ readonly destination: Destination; readonly place: Place }[]> {
		const values: unknown[] = [];
		const filter = this.#ofOwn(wanted);
		const { by, keyAs, direction, field } = orderOf(order);
		let where = conditions(filter, values);
		if (after !== undefined) {
			const key = keyAs(`$${values.push(after.key)}`);
			const id = `$${values.push(after.id)}::uuid`;
			where += ` AND (${by}, id) ${direction === 'DESC' ? '<' : '>'} (${key}, ${id})`;
		}
		const places: Place[] = [];
		const index = fields.indexOf(field);
		const each = (row: ReadRow, texts: TextRow) => {
			places.push({ key: texts[index] ?? '', id: String(row.id) });
		};
		const text = `${inOrder(where, filter, order)} LIMIT $${values.push(limit)}`;
		const forAny = filter.organizationId !== undefined;
		const rows = await this.#rows(text, values, { each, forAny });
		return rows.flatMap((destination, at) => {
			const place = places[at];
			return place === undefined ? [] : [{ destination, place }];
		});
	}

	/** How many live destinations there are. */
	async count(wanted: DestinationFilter): Promise<number> {
		const values: unknown[] = [];
		const filter = this.#ofOwn(wanted);
		const [row] = await this.#run(
			`SELECT pg_catalog.count(*) FROM public.destinations ${conditions(filter, values)}`,
			values,
			{ forAny: filter.organizationId !== undefined },
		);
		return Number(row?.[0]);
	}

	/** What a destination is, without its settings, which may not open. */
	async identify(
		id: string,
		{ rows = 'live' }: { readonly rows?: keyof typeof whichRows } = {},
	): Promise<(Identity & { readonly version: number }) | undefined> {
		const values: unknown[] = [id];
		const [row] = await this.#run(
			`SELECT id, organization_id, type, version FROM public.destinations
			 WHERE id = $1 ${this.#andOwn(values)} ${whichRows[rows]}`,
			values,
		);
		if (row === undefined) return undefined;
		// By the order and the NOT NULL of the columns.
		const [found, organizationId, type, version] = row as [string, string, DestinationType, string];
		return { id: found, organizationId, type, version: Number(version) };
	}

	async insert(input: ValidatedCreate): Promise<Destination> {
		const made = await this.#insert(uuidv7(), input);
		if (made === undefined) throw new Error('Postgres inserted a row and did not return it');
		return made;
	}

	/** Inserts a copy of a live destination, if it still has the version that was read. Returns nothing where not. */
	async insertCopy(input: ValidatedCreate, original: Original): Promise<Destination | undefined> {
		const id = uuidv7();
		return this.withCopy({ id, from: original.id }).#insert(id, input, original);
	}

	async #insert(
		id: string,
		{ settings, ...fields }: ValidatedCreate,
		original?: Original,
	): Promise<Destination | undefined> {
		const { organizationId, type } = fields;
		const sealed = await this.#seal(settings, { id, organizationId, type });
		const given = definedIn({ id, ...fields, ...sealed });
		const values = given.map(([, value]) => value);
		const columns = given.map(([field]) => columnName(field)).join(', ');
		const row = values.map((_, index) => `$${index + 1}`).join(', ');
		const what = original ? `SELECT ${row} WHERE ${isThere(original, values)}` : `VALUES (${row})`;
		const [made] = await this.#rows(
			`INSERT INTO public.destinations (${columns}) ${what} RETURNING ${selected}`,
			values,
			{ each: this.#note },
		);
		return made;
	}

	/**
	 * Changes a live destination. Returns nothing where there is none.
	 *
	 * @param original of which it becomes a copy, if that still has the version that was read.
	 */
	async update(
		target: Target,
		changes: ValidatedUpdate,
		original?: Original,
	): Promise<Destination | undefined> {
		const { text, values } = await this.#updateOf(target, changes, original);
		const [updated] = await this.#rows(text, values, { each: this.#note });
		return updated;
	}

	/** A destination as it was when this client saw it the last time. */
	seen(id: string): SeenDestination | undefined {
		return this.#seen?.open(id, this.#organizationId, this.#encryption);
	}

	/**
	 * Changes a live destination, or reads it where it is at another version than the target's. Returns nothing where there
	 * is no such row.
	 */
	async updateOrRead(target: Target, changes: ValidatedUpdate): Promise<UpdatedOrRead> {
		const { text, values } = await this.#updateOf(target, changes);
		const live = this.#where({ id: target.id, organizationId: target.organizationId }, values);
		let updated = false;
		const [destination] = await this.#rows(
			`WITH updated AS (${text}) SELECT *, true FROM updated
			 UNION ALL SELECT ${selected}, false FROM public.destinations ${live} AND NOT EXISTS (SELECT FROM updated)`,
			values,
			{
				each: (row, texts) => {
					updated = texts.at(-1) === 't';
					this.#note(row);
				},
			},
		);
		return { updated, destination };
	}

	/**
	 * Deletes a live destination, or brings a deleted one back. Says whether there was one.
	 *
	 * @param version the only one that is changed; any, where it is left out.
	 */
	async setDeleted(id: string, deleted: boolean, version?: number): Promise<boolean> {
		const [from, to] = deleted ? ['NULL', 'now()'] : ['NOT NULL', 'NULL'];
		const values: unknown[] = [id];
		const ofVersion = version === undefined ? '' : `AND version = $${values.push(version)}`;
		const rows = await this.#run(
			`UPDATE public.destinations SET deleted_at = ${to}
			 WHERE id = $1 ${this.#andOwn(values)} AND deleted_at IS ${from} ${ofVersion} RETURNING id`,
			values,
		);
		return rows.length > 0;
	}

	async #updateOf(target: Target, { settings, ...fields }: ValidatedUpdate, original?: Original) {
		const sealed = settings === undefined ? {} : await this.#seal(settings, target);
		const given = definedIn({ ...fields, ...sealed });
		const values = given.map(([, value]) => value);
		const changes = given.map(([field], index) => `${columnName(field)} = $${index + 1}`);
		const unchanged = original === undefined ? '' : ` AND ${isThere(original, values)}`;
		const where = `${this.#where(target, values)}${unchanged}`;
		const text =
			changes.length === 0
				? select(where)
				: `UPDATE public.destinations SET ${changes.join(', ')} ${where} RETURNING ${selected}`;
		return { text, values };
	}

	/** A filter with the organization whose rows are meant, if it is known. */
	#ofOwn(filter: DestinationFilter): DestinationFilter {
		return { ...filter, organizationId: filter.organizationId ?? this.#organizationId };
	}

	#where(filter: DestinationFilter, values: unknown[]): string {
		return conditions(this.#ofOwn(filter), values);
	}

	/** The same behind other conditions. */
	#andOwn(values: unknown[]): string {
		const own = this.#organizationId;
		return own === undefined ? '' : `AND organization_id = $${values.push(own)}`;
	}

	readonly #note = (row: ReadRow) => this.#seen?.note(row);

	#run(text: string, values: unknown[], options?: StatementOptions): Promise<TextRow[]> {
		return this.#sql.run(this.#scope, text, values, options);
	}

	async #seal(settings: object, { id, organizationId, type }: Target) {
		if (organizationId === undefined || type === undefined) {
			throw new Error(
				'Encrypted settings are bound to their organization and type, which must be known',
			);
		}
		const context = { organizationId, destinationId: id, type };
		const envelope = await this.#encryption.encrypt(withoutPresets(type, settings), context);
		return { settings: JSON.stringify(envelope), settingsEncrypted: true };
	}

	/** Runs a statement that returns whole rows, and opens their settings or marks those that do not decrypt. */
	async #rows(
		text: string,
		values: unknown[],
		{ each, ...options }: RowOptions = {},
	): Promise<Destination[]> {
		const opening: Promise<void>[] = [];
		const readRow = (texts: TextRow) => {
			const row = toRow(texts);
			each?.(row, texts);
			const later = openRow(this.#encryption, row, markUnopened);
			if (later !== undefined) opening.push(later);
			return row;
		};
		const rows = await this.#sql.read(this.#scope, text, values, readRow, options);
		await Promise.all(opening);
		// Settings are validated by the row's type when they are written, so type and settings belong together.
		return rows as unknown as Destination[];
	}
}
