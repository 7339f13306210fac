import { randomUUID } from 'node:crypto';
import { UnsupportedError } from '../../errors.ts';
import type { Scope } from '../scope.ts';
import { planningSettings } from '../scope-steps.ts';
import {
	planningOf,
	type ReadRow,
	type ScopedSql,
	type StatementOptions,
	type TextRow,
} from '../scoped-sql.ts';
import { textForm } from '../text-form.ts';
import { fetchResult, leaveCall, runCall } from './host-block.ts';
import { errorOfDriver, notInTransaction, transactionIsOver } from './host-errors.ts';
import { columnsOf } from './record-text.ts';
import { Turns } from './turns.ts';

/** Sends one statement, and returns its rows, whatever the library makes of them. */
export type Send = (text: string, values: string[]) => PromiseLike<readonly unknown[]>;

/** A transaction that somebody else began, of whose connection nothing is known but how to send a statement on it. */
export class QueryTransaction implements ScopedSql {
	readonly #send: Send;
	readonly #turns: Turns;
	#transaction: string | undefined;

	/** @param handle whose calls run one after the other. */
	constructor(handle: object, send: Send) {
		this.#send = send;
		this.#turns = Turns.of(handle);
	}

	async run(
		scope: Scope,
		text: string,
		values: unknown[],
		options: StatementOptions = {},
	): Promise<TextRow[]> {
		return this.#turns.take(() =>
			this.#call(scope, text, values, options).catch((error: unknown) => {
				throw errorOfDriver(error, scope);
			}),
		);
	}

	async read<Row>(
		scope: Scope,
		text: string,
		values: unknown[],
		readRow: ReadRow<Row>,
		options?: StatementOptions,
	): Promise<Row[]> {
		return (await this.run(scope, text, values, options)).map(readRow);
	}

	/** All of it is part of the host's transaction. */
	transaction<T>(_scope: Scope, work: (sql: ScopedSql) => Promise<T>): Promise<T> {
		return work(this);
	}

	async #call(
		{ role, claims }: Scope,
		text: string,
		values: unknown[],
		options: StatementOptions,
	): Promise<TextRow[]> {
		const id = randomUUID();
		const settings = {
			...textForm,
			...planningSettings[planningOf(options)],
			'request.jwt.claims': claims,
		};
		const call = { id, role, settings, parts: partsOf(text), values: values.map(textOf) };
		const transaction = await this.#ask(leaveCall, [this.#transaction ?? '', JSON.stringify(call)]);
		if (transaction === '') throw unanswered();
		if (transaction !== (this.#transaction ?? transaction)) throw transactionIsOver();
		await this.#send(runCall, []);
		const result = await this.#ask(fetchResult, []);
		if (result === '') {
			throw this.#transaction === undefined ? notInTransaction() : transactionIsOver();
		}
		const answer: { readonly id?: unknown; readonly rows: readonly string[] } = JSON.parse(result);
		if (answer.id !== id) throw unanswered();
		this.#transaction = transaction;
		return answer.rows.map(columnsOf);
	}

	/** The first column of the only row; empty where there is none. */
	async #ask(text: string, values: string[]): Promise<string> {
		const rows: unknown = await this.#send(text, values);
		const [row]: unknown[] = Array.isArray(rows) ? rows : [];
		// Libraries name columns in their own way, or return them as a list.
		const [first]: unknown[] = typeof row === 'object' && row !== null ? Object.values(row) : [];
		return typeof first === 'string' ? first : '';
	}
}

/** For a handle that sends something else, or somewhere else. */
function unanswered(): UnsupportedError {
	return new UnsupportedError(
		'What was passed as `transaction` did not return what Postgres answers. Its `query(text, values)` must send each statement as it is, on the connection of the transaction, and return `{ rows }`.',
	);
}

/** A text of this package's between its parameters: each part with the place of the value that follows it. */
function partsOf(text: string): readonly (readonly [text: string, value: number | null])[] {
	const pieces = text.split(/\$(\d+)/);
	return pieces.flatMap((piece, at) => {
		if (at % 2 === 1) return [];
		const parameter = pieces[at + 1];
		return [[piece, parameter === undefined ? null : Number(parameter) - 1] as const];
	});
}

/** A value as Postgres reads it. */
function textOf(value: unknown): string | null {
	if (value === null || value === undefined) return null;
	if (value instanceof Date) return value.toISOString();
	if (Array.isArray(value)) return `{${value.map(elementOf).join(',')}}`;
	return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function elementOf(value: unknown): string {
	const text = textOf(value);
	return text === null ? 'NULL' : `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}
