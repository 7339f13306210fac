import type { Destination } from '../destinations/destination.ts';
import type { DestinationType } from '../destinations/registry.ts';
import type { ValidatedCreate, ValidatedUpdate } from '../destinations/validate.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { ValidationError } from '../errors.ts';
import { openResult } from '../extension/open-result.ts';
import { uuidv7 } from '../extension/uuid.ts';
import type { Scope } from '../tenancy/scope.ts';
import type { ScopedSql, TextRow } from '../tenancy/scoped-sql.ts';

/** Conditions on live destinations. */
export interface DestinationFilter {
	readonly id?: string;
	readonly organizationId?: string | undefined;
	readonly type?: DestinationType | undefined;
	readonly environment?: string | undefined;
	readonly version?: number | undefined;
}

/** What never changes of a row, and what its settings are sealed to. */
export interface Identity {
	readonly id: string;
	readonly organizationId: string;
	readonly type: DestinationType;
}

/** The row that an update means. One of settings names all of its identity. */
export type Target = Pick<Identity, 'id'> & Partial<Identity> & Pick<DestinationFilter, 'version'>;

/** By the names of what is written and filtered by. */
const columns = {
	id: 'id',
	organizationId: 'organization_id',
	type: 'type',
	name: 'name',
	description: 'description',
	environment: 'environment',
	settings: 'settings',
	settingsEncrypted: 'settings_encrypted',
	requiredConsent: 'required_consent',
	enabled: 'enabled',
	testMode: 'test_mode',
	createdBy: 'created_by',
	version: 'version',
} as const;
type Column = keyof typeof columns;

/** As {@link toRow} reads them. */
const selected = `id, organization_id, type, name, description, environment, settings, settings_encrypted,
	pg_catalog.to_json(required_consent), enabled, test_mode, last_tested_at, connection_status, last_error,
	deleted_at, version, created_at, updated_at, created_by, updated_by`;

/** Opens settings of rows that have everything for it. */
const openingPlan = { opens: { added: [], computes: false }, relations: [] };

/**
 * The table of destinations in one scope, by SQL of its own: what a service does most is here, and takes
 * half of what it takes by way of Prisma (docs/decisions/repository.md). Settings go in and come out in clear.
 */
export class DestinationTable {
	readonly #sql: ScopedSql;
	readonly #scope: Scope;
	readonly #encryption: SettingsEncryption;

	constructor(sql: ScopedSql, scope: Scope, encryption: SettingsEncryption) {
		this.#sql = sql;
		this.#scope = scope;
		this.#encryption = encryption;
	}

	/** The same table in another scope. */
	in(scope: Scope): DestinationTable {
		return new DestinationTable(this.#sql, scope, this.#encryption);
	}

	/** A live destination. */
	async findOne(id: string, organizationId?: string): Promise<Destination | undefined> {
		const values: unknown[] = [];
		const where = conditions({ id, organizationId }, values);
		const [found] = await this.#open(
			await this.#run(`SELECT ${selected} FROM public.destinations ${where}`, values),
		);
		return found;
	}

	/** All live destinations of a filter, the newest first. */
	async find(filter: DestinationFilter): Promise<Destination[]> {
		const values: unknown[] = [];
		const text = newestFirst(conditions(filter, values), filter);
		return this.#open(await this.#run(text, values));
	}

	/**
	 * Live destinations, the newest first.
	 *
	 * @param after the id of a destination, maybe a deleted one, behind which they begin. Its place is looked up
	 * by Postgres: a JavaScript date has milliseconds only, and a page that begins at one would lose rows or show
	 * them twice.
	 */
	async page(
		filter: DestinationFilter,
		after: string | undefined,
		limit: number,
	): Promise<Destination[]> {
		const values: unknown[] = [];
		let where = conditions(filter, values);
		if (after !== undefined) {
			const id = `$${values.push(after)}::uuid`;
			const createdAt = `(SELECT created_at FROM public.destinations WHERE id = ${id})`;
			where += ` AND (created_at, id) < (${createdAt}, ${id})`;
		}
		const text = `${newestFirst(where, filter)} LIMIT $${values.push(limit)}`;
		return this.#open(await this.#run(text, values));
	}

	/** What a destination is, without its settings, which may not open. */
	async identify(
		id: string,
		{ withDeleted = false } = {},
	): Promise<(Identity & { readonly version: number }) | undefined> {
		const [row] = await this.#run(
			`SELECT id, organization_id, type, version FROM public.destinations
			 WHERE id = $1${withDeleted ? '' : ' AND deleted_at IS NULL'}`,
			[id],
		);
		if (row === undefined) return undefined;
		// By the order and the NOT NULL of the columns.
		const [found, organizationId, type, version] = row as [string, string, DestinationType, string];
		return { id: found, organizationId, type, version: Number(version) };
	}

	async insert({ settings, ...fields }: ValidatedCreate): Promise<Destination> {
		const id = uuidv7();
		const { organizationId, type } = fields;
		const sealed = await this.#seal(settings, { id, organizationId, type });
		const given = definedIn({ id, ...fields, ...sealed });
		const values = given.map(([, value]) => value);
		const [made] = await this.#open(
			await this.#run(
				`INSERT INTO public.destinations (${given.map(([name]) => columns[name]).join(', ')})
				 VALUES (${values.map((_, index) => `$${index + 1}`).join(', ')}) RETURNING ${selected}`,
				values,
			),
		);
		if (made === undefined) throw new Error('Postgres inserted a row and did not return it');
		return made;
	}

	/** Changes a live destination. Gives nothing where there is none. */
	async update(
		target: Target,
		{ settings, ...fields }: ValidatedUpdate,
	): Promise<Destination | undefined> {
		const sealed = settings === undefined ? {} : await this.#seal(settings, target);
		const given = definedIn({ ...fields, ...sealed });
		const values = given.map(([, value]) => value);
		const changes = given.map(([name], index) => `${columns[name]} = $${index + 1}`);
		const where = conditions(target, values);
		const text =
			changes.length === 0
				? `SELECT ${selected} FROM public.destinations ${where}`
				: `UPDATE public.destinations SET ${changes.join(', ')} ${where} RETURNING ${selected}`;
		const [updated] = await this.#open(await this.#run(text, values));
		return updated;
	}

	/** Deletes a live destination, or brings a deleted one back. Says whether there was one. */
	async setDeletedAt(id: string, deletedAt: Date | null): Promise<boolean> {
		const rows = await this.#run(
			`UPDATE public.destinations SET deleted_at = $2
			 WHERE id = $1 AND deleted_at IS ${deletedAt === null ? 'NOT NULL' : 'NULL'} RETURNING id`,
			[id, deletedAt?.toISOString() ?? null],
		);
		return rows.length > 0;
	}

	#run(text: string, values: unknown[]): Promise<TextRow[]> {
		return this.#sql.run(this.#scope, text, values);
	}

	async #seal(settings: object, { id, organizationId, type }: Target) {
		if (organizationId === undefined || type === undefined) {
			throw new Error('Settings are sealed to their organization and type, which must be known');
		}
		const context = { organizationId, destinationId: id, type };
		const envelope = await this.#encryption.encrypt(settings, context);
		return { settings: JSON.stringify(envelope), settingsEncrypted: true };
	}

	async #open(rows: readonly TextRow[]): Promise<Destination[]> {
		const destinations = rows.map(toRow);
		await openResult(this.#encryption, openingPlan, destinations, true);
		// Settings are validated by the row's type when they are written, so type and settings belong together.
		return destinations as unknown as Destination[];
	}
}

/**
 * Rows in order. An organization has few live ones and maybe thousands deleted, which the index in this order
 * holds as well; without knowing them, Postgres would walk it to save the sort of a few rows. So these are found
 * first and sorted afterwards. Across organizations that index is what makes a page.
 */
function newestFirst(where: string, { organizationId }: DestinationFilter): string {
	const found = `SELECT ${selected} FROM public.destinations ${where}`;
	const order = 'ORDER BY created_at DESC, id DESC';
	return organizationId === undefined
		? `${found} ${order}`
		: `WITH found AS MATERIALIZED (${found}) SELECT * FROM found ${order}`;
}

/** The filter as SQL. Its values are added to those that are there. */
function conditions(filter: DestinationFilter, values: unknown[]): string {
	const given = definedIn(filter).map(([name, value]) => {
		if (typeof value !== 'string' && typeof value !== 'number') {
			throw new ValidationError([{ path: [name], message: 'must be text' }]);
		}
		return `${columns[name]} = $${values.push(value)}`;
	});
	return `WHERE ${[...given, 'deleted_at IS NULL'].join(' AND ')}`;
}

function definedIn(fields: { readonly [name in Column]?: unknown }): [Column, unknown][] {
	// Callers give objects with these names alone.
	const entries = Object.entries(fields) as [Column, unknown][];
	return entries.filter(([, value]) => value !== undefined);
}

function toRow(texts: TextRow) {
	// By the order of `selected`; what may be null is told by the schema.
	const [id, organizationId, type, name, description, environment, settings, encrypted] =
		texts as string[];
	return {
		id,
		organizationId,
		type,
		name,
		description,
		environment,
		settings: JSON.parse(settings ?? '{}') as unknown,
		settingsEncrypted: encrypted === 't',
		requiredConsent: JSON.parse(texts[8] ?? '[]') as unknown,
		enabled: texts[9] === 't',
		testMode: texts[10] === 't',
		lastTestedAt: toDate(texts[11]),
		connectionStatus: texts[12],
		lastError: texts[13],
		deletedAt: toDate(texts[14]),
		version: Number(texts[15]),
		createdAt: toDate(texts[16]),
		updatedAt: toDate(texts[17]),
		createdBy: texts[18],
		updatedBy: texts[19],
	};
}

function toDate(text: string | null | undefined): Date | null {
	return text == null ? null : new Date(text);
}
