import { markUnopened, markUnopenedUntilUse } from '../../destinations/unopened.ts';
import { fail, openRow } from '../../encryption/open-row.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { UnsupportedError } from '../../errors.ts';
import { type Arguments, asObject } from './arguments.ts';
import type { Opening, ResultPlan } from './selection.ts';

/** How a result is opened. */
export interface OpenOptions {
	/** Whether the operation returns rows in an array. @defaultValue `false` */
	readonly manyRows?: boolean;
	/**
	 * Whether the call fails where the settings of its one row do not open. It must not for many rows, of which
	 * one would take the others down, nor after a write, which would fail though it was done.
	 *
	 * @defaultValue `false`: the row is marked, see `settingsError`
	 */
	readonly mustOpen?: boolean;
	/**
	 * Whether Prisma itself reads what was selected of each row before the caller does, to look for relations.
	 * It does where a client has extensions.
	 *
	 * @defaultValue `false`
	 */
	readonly prismaReads?: boolean;
}

/** Opens the settings of every destination in a result, in place: the result is the caller's alone. */
export async function openResult(
	encryption: SettingsEncryption,
	plan: ResultPlan,
	result: unknown,
	{ manyRows = false, mustOpen = false, prismaReads = false }: OpenOptions,
): Promise<void> {
	const waiting: Promise<void>[] = [];
	const unwrapped = manyRows ? plan : planOfUnwrapped(plan, result);
	visitRows({ encryption, prismaReads, waiting }, unwrapped, result, mustOpen);
	await Promise.all(waiting);
}

/** What opens settings, and what is still waited for. */
interface Opener {
	readonly encryption: SettingsEncryption;
	readonly prismaReads: boolean;
	readonly waiting: Promise<void>[];
}

/**
 * Prisma's fluent API, as in `organization.findUnique(...).destinations()`, reads the first model with a
 * `select` of one relation and returns what is inside that relation alone.
 */
function planOfUnwrapped(plan: ResultPlan, result: unknown): ResultPlan {
	const row = asObject(result);
	let current = plan;
	while (current.fluent !== undefined) {
		const { name, list, plan: inner } = current.fluent;
		if (row !== undefined && name in row) return current;
		current = inner;
		if (list) return current;
	}
	if (Array.isArray(result)) {
		throw new UnsupportedError(
			'This fluent call returns destinations in a way that cannot be opened. Read them with findMany.',
		);
	}
	return current;
}

function visitRows(opener: Opener, plan: ResultPlan, rows: unknown, mustOpen = false): void {
	if (Array.isArray(rows)) {
		for (const row of rows) visitRow(opener, plan, row, false);
	} else {
		visitRow(opener, plan, rows, mustOpen);
	}
}

function visitRow(opener: Opener, plan: ResultPlan, value: unknown, mustOpen: boolean): void {
	const row = asObject(value);
	if (row === undefined) return;
	for (const { name, plan: inner } of plan.relations) visitRows(opener, inner, row[name]);
	if (plan.opens === undefined) return;
	// Omitted, here or for the whole Prisma client.
	if (row.settings !== undefined) {
		const mark = opener.prismaReads && plan.opens.selected ? markUnopenedUntilUse : markUnopened;
		const opening = openRow(opener.encryption, row, mustOpen ? fail : mark);
		if (opening !== undefined) opener.waiting.push(opening);
	}
	takeAway(row, plan.opens);
}

/** Fields of other extensions are computed later, so what they may need is only hidden. */
function takeAway(row: Arguments, { added, computes }: Opening): void {
	for (const name of added) {
		if (!computes) delete row[name];
		else if (name in row) Object.defineProperty(row, name, { enumerable: false });
	}
}
