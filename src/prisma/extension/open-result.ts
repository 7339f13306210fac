import { markUnopened, markUnopenedUntilUse } from '../../destinations/unopened.ts';
import { fail, openRow } from '../../encryption/open-row.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { UnsupportedError } from '../../errors.ts';
import { type Arguments, asObject } from './arguments.ts';
import type { Hiding, Opening, RelationPlan, ResultPlan } from './selection.ts';

/** How a result is opened. */
export interface OpenOptions {
	/** Whether the operation returns rows in an array. @defaultValue `false` */
	readonly manyRows?: boolean;
	/**
	 * Whether the call fails where the settings of its one row do not decrypt. It must not for many rows, of which
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
	/**
	 * The relations of a call of Prisma's fluent API, one after the other; none for another call.
	 *
	 * @defaultValue they are found by what the result looks like
	 */
	readonly fluent?: readonly string[] | undefined;
}

/**
 * Decrypts the settings of every destination in a result, in place: the result is the caller's alone. Returns it,
 * or null for one deleted destination.
 */
export async function openResult(
	encryption: SettingsEncryption,
	plan: ResultPlan,
	result: unknown,
	{ manyRows = false, mustOpen = false, prismaReads = false, fluent }: OpenOptions,
): Promise<unknown> {
	const waiting: Promise<void>[] = [];
	const opener = { encryption, prismaReads, waiting };
	if (fluent === undefined || fluent.length === 0) {
		const asked = manyRows || fluent !== undefined;
		visitRows(opener, asked ? plan : planOfUnwrapped(plan, result), result, mustOpen);
		await Promise.all(waiting);
		return result;
	}
	const last = lastOf(plan, fluent);
	if (last === undefined) return result;
	if (isWrapped(result, fluent)) {
		if (last.plan.fluent?.name === fluent[0]) refuseFluent();
		visitRows(opener, plan, result);
		await Promise.all(waiting);
		return result;
	}
	if (last.hides !== undefined && isHidden(last.hides, result)) return null;
	visitRows(opener, last.plan, result, mustOpen);
	await Promise.all(waiting);
	return result;
}

/** The plan of what a fluent call returns; nothing where there is nothing to open in it. */
function lastOf(plan: ResultPlan, [name, ...others]: readonly string[]): RelationPlan | undefined {
	const relation = plan.relations.find((one) => one.name === name);
	return relation === undefined || others.length === 0 ? relation : lastOf(relation.plan, others);
}

/** Whether an extension that sent the call to another client has left the relation in the row that has it. */
function isWrapped(result: unknown, [first = '']: readonly string[]): boolean {
	const row = asObject(result);
	return row !== undefined && Object.keys(row).join() === first;
}

/** Whether it is a deleted destination. Takes away what was read to know it. */
function isHidden({ added }: Hiding, value: unknown): boolean {
	const row = asObject(value);
	if (row === undefined) return false;
	if (row.deletedAt !== null) return true;
	if (added) Object.defineProperty(row, 'deletedAt', { enumerable: false });
	return false;
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
		refuseFluent();
	}
	return current;
}

function refuseFluent(): never {
	throw new UnsupportedError(
		'This fluent call returns destinations in a way that cannot be decrypted. Read them with findMany.',
	);
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
	for (const { name, hides, plan: inner } of plan.relations) {
		if (hides !== undefined && isHidden(hides, row[name])) row[name] = null;
		visitRows(opener, inner, row[name]);
	}
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
