import type { AdoptionConnection, Transaction } from './connection.ts';
import { foreignKeysTo } from './inspect.ts';
import { adoptionSchema, type Migration } from './migrations.ts';
import type { AdoptOptions } from './options.ts';
import {
	insertRows,
	type Judge,
	type Judged,
	removeRows,
	selectAfter,
	selectByIds,
	selectDuplicates,
	type UnfitRow,
	whyNotTaken,
} from './rows.ts';
import { move } from './steps.ts';

const nil = '00000000-0000-0000-0000-000000000000';
const defaultBatchSize = 250;
/** So many changed rows are copied again in the few milliseconds of the move, and no more. */
const changedInMove = 20;
const triesOfMove = 200;
/** Pages are found by the primary key and in no other way, whatever the statistics say. */
const byPrimaryKey = 'SET LOCAL enable_seqscan = off; SET LOCAL jit = off;';
/** Of the move: whoever is cut off holds the table no longer than that. */
const shortly = `SET LOCAL idle_in_transaction_session_timeout = '500ms'; SET LOCAL statement_timeout = '2s';`;

/** Brings the rows of the old table into the new one while the old one is in use. */
export class Copying {
	readonly rows = { plaintext: 0, sealed: 0, empty: 0 };
	unfit = 0;
	readonly #connection: AdoptionConnection;
	readonly #judge: Judge;
	readonly #migrations: readonly Migration[];
	readonly #options: AdoptOptions;
	readonly #batchSize: number;

	constructor(
		connection: AdoptionConnection,
		judge: Judge,
		migrations: readonly Migration[],
		options: AdoptOptions,
	) {
		this.#connection = connection;
		this.#judge = judge;
		this.#migrations = migrations;
		this.#options = options;
		this.#batchSize = options.batchSize ?? defaultBatchSize;
	}

	/** Begins to count again. */
	begin(): void {
		Object.assign(this.rows, { plaintext: 0, sealed: 0, empty: 0 });
		this.unfit = 0;
	}

	/** Judges every row and writes none. Returns whether it was stopped. */
	async check(total: number): Promise<boolean> {
		for (let after: string | undefined = nil; after !== undefined; ) {
			if (this.#stopped) return true;
			const from: string = after;
			const page = await this.#connection.trial(async (transaction) => {
				await transaction.script(byPrimaryKey);
				return selectAfter(transaction, from, this.#batchSize);
			});
			this.#count(await this.#judge.judge(page, false), total);
			after = page.at(-1)?.id;
		}
		const duplicates = await this.#connection.trial(selectDuplicates);
		for (const row of duplicates) this.#report(row);
		return false;
	}

	/** Copies what is not copied yet, and again what has changed since. Returns whether it was stopped. */
	async copy(total: number): Promise<boolean> {
		this.#options.onStep?.('copy the rows');
		for (let more = true; more; ) {
			if (this.#stopped) return true;
			more = await this.#connection.transaction(
				(transaction) => this.#copyPage(transaction, total),
				byPrimaryKey,
			);
		}
		this.#options.onStep?.('copy again what has changed meanwhile');
		if (await this.#catchUp()) return true;
		if (this.unfit === 0) {
			await this.#connection.transaction(({ script }) =>
				script(
					`ANALYZE ${adoptionSchema}.destinations; ANALYZE ${adoptionSchema}.destination_audit_log`,
				),
			);
			await this.#expectAll();
		}
		return false;
	}

	async #copyPage(transaction: Transaction, total: number): Promise<boolean> {
		const [place] = await transaction.rows<{ up_to: string }>(
			`SELECT up_to FROM ${adoptionSchema}.copied`,
		);
		const page = await selectAfter(transaction, place?.up_to ?? nil, this.#batchSize);
		const last = page.at(-1)?.id;
		if (last === undefined) return false;
		const judged = await this.#judge.judge(page);
		const left = await insertRows(transaction, judged.fit);
		await this.#noteAgain(transaction, [
			...left,
			...judged.unfit.map(({ destinationId }) => destinationId),
		]);
		await transaction.rows(`UPDATE ${adoptionSchema}.copied SET up_to = $1`, [last]);
		// What does not fit comes up again, and is reported then.
		this.#count({ ...judged, unfit: [] }, total);
		return true;
	}

	/** Copies changed rows until only such are left that do not fit. Returns whether it was stopped. */
	async #catchUp(): Promise<boolean> {
		let fruitless = 0;
		for (;;) {
			if (this.#stopped) return true;
			const { taken, unfit } = await this.#connection.transaction(
				(transaction) => this.#copyChanged(transaction, this.#batchSize),
				byPrimaryKey,
			);
			if (taken === 0) return false;
			fruitless = unfit.length === taken ? fruitless + taken : 0;
			if (unfit.length === 0) continue;
			const left = await this.#connection.trial(({ rows }) =>
				rows<{ left: number }>(`SELECT count(*)::integer AS left FROM ${adoptionSchema}.changed`),
			);
			// Each of them was tried once since the last that fitted.
			if (fruitless >= (left[0]?.left ?? 0)) return this.#tellLeft();
		}
	}

	async #tellLeft(): Promise<boolean> {
		const ids = await this.#connection.trial(({ rows }) =>
			rows<{ id: string }>(`SELECT DISTINCT id::text FROM ${adoptionSchema}.changed ORDER BY 1`),
		);
		for (let at = 0; at < ids.length; at += this.#batchSize) {
			const page = ids.slice(at, at + this.#batchSize).map(({ id }) => id);
			const former = await this.#connection.trial((transaction) => selectByIds(transaction, page));
			const judged = await this.#judge.judge(former);
			for (const row of judged.unfit) this.#report(row);
			for (const { id } of judged.fit) {
				const owner = former.find((row) => row.id === id)?.organization_id ?? '';
				this.#report({ destinationId: id, organizationId: owner, reason: whyNotTaken });
			}
		}
		return false;
	}

	/** Takes notes of changes off the list and copies their rows, within the transaction. */
	async #copyChanged(
		transaction: Transaction,
		limit: number,
	): Promise<{ taken: number; unfit: readonly string[] }> {
		const notes = await transaction.rows<{ id: string }>(
			`DELETE FROM ${adoptionSchema}.changed WHERE seq IN (
				SELECT seq FROM ${adoptionSchema}.changed ORDER BY seq LIMIT ${limit}) RETURNING id::text`,
		);
		if (notes.length === 0) return { taken: 0, unfit: [] };
		const ids = [...new Set(notes.map(({ id }) => id))];
		await removeRows(transaction, ids);
		const judged = await this.#judge.judge(await selectByIds(transaction, ids));
		const left = await insertRows(transaction, judged.fit);
		const unfit = [...left, ...judged.unfit.map(({ destinationId }) => destinationId)];
		await this.#noteAgain(transaction, unfit);
		return { taken: notes.length, unfit };
	}

	async #noteAgain(transaction: Transaction, ids: readonly string[]): Promise<void> {
		if (ids.length === 0) return;
		await transaction.rows(`INSERT INTO ${adoptionSchema}.changed (id) SELECT unnest($1::uuid[])`, [
			ids,
		]);
	}

	/** Nothing is moved of which a row would be missing. */
	async #expectAll(): Promise<void> {
		const [missing] = await this.#connection.transaction(({ rows }) =>
			rows<{ count: number }>(
				`SELECT count(*)::integer AS count FROM public.destinations AS d
				 WHERE NOT EXISTS (SELECT FROM ${adoptionSchema}.destinations AS n WHERE n.id = d.id)
					AND NOT EXISTS (SELECT FROM ${adoptionSchema}.changed AS c WHERE c.id = d.id)`,
			),
		);
		if (missing?.count !== 0) throw new Error(`${missing?.count} rows were not copied`);
	}

	/**
	 * Moves the tables, once hardly anything is left to copy. Returns how long nobody else could use the table;
	 * undefined where rows do not fit that came meanwhile.
	 */
	async move(): Promise<number | undefined> {
		for (let attempt = 0; attempt < triesOfMove; attempt += 1) {
			await this.#catchUp();
			if (this.unfit > 0) return undefined;
			const lockedSeconds = await this.#connection
				.transaction((transaction) => this.#tryMove(transaction), shortly)
				.catch((error: unknown) => {
					if (error instanceof NotYet) return undefined;
					throw error;
				});
			if (lockedSeconds !== undefined) return lockedSeconds;
		}
		throw new Error(
			'The table was changed too much all the time. Run it again when it is quieter.',
		);
	}

	async #tryMove(transaction: Transaction): Promise<number> {
		const referring = await foreignKeysTo(transaction, 'public.destinations');
		const tables = [...new Set(['public.destinations', ...referring.map(({ table }) => table)])];
		await transaction.script(`LOCK TABLE ${tables.join(', ')} IN ACCESS EXCLUSIVE MODE`);
		const start = performance.now();
		const { taken, unfit } = await this.#copyChanged(transaction, changedInMove);
		if (taken === changedInMove || unfit.length > 0) throw new NotYet();
		await move(transaction, this.#migrations, referring);
		return (performance.now() - start) / 1000;
	}

	#count({ fit, unfit }: Judged, total: number): void {
		for (const { form } of fit) this.rows[form] += 1;
		for (const row of unfit) this.#report(row);
		const { plaintext, sealed, empty } = this.rows;
		const done = plaintext + sealed + empty + this.unfit;
		this.#options.onProgress?.({ done, total: Math.max(total, done), failed: this.unfit });
	}

	#report(row: UnfitRow): void {
		this.unfit += 1;
		this.#options.onUnfit?.(row);
	}

	get #stopped(): boolean {
		return this.#options.signal?.aborted === true;
	}
}

/** Undoes the move: there is more to copy first. */
class NotYet extends Error {}
