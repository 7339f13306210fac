import { markUnopened, markUnopenedUntilUse } from '../destinations/unopened.ts';
import type { SettingsContext } from '../encryption/envelope.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { openStored } from '../encryption/stored-settings.ts';
import { DestinationsError, UnsupportedError } from '../errors.ts';
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
	openRows({ encryption, prismaReads, waiting }, unwrapped, result, mustOpen);
	await Promise.all(waiting);
}

/** What opens settings, and what is still waited for. */
interface Opener {
	readonly encryption: SettingsEncryption;
	readonly prismaReads: boolean;
	readonly waiting: Promise<void>[];
}

/** What becomes of a row whose settings do not open. */
type Refusal = (row: Arguments, error: DestinationsError) => void;

const fail: Refusal = (_, error) => {
	throw error;
};

/**
 * Prisma's fluent API, as in `organization.findUnique(...).destinations()`, reads the first model with a
 * `select` of one relation and gives what is inside that relation alone.
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
			'This fluent call gives destinations in a way that cannot be opened. Read them with findMany.',
		);
	}
	return current;
}

function openRows(opener: Opener, plan: ResultPlan, rows: unknown, mustOpen = false): void {
	if (Array.isArray(rows)) {
		for (const row of rows) openRow(opener, plan, row, false);
	} else {
		openRow(opener, plan, rows, mustOpen);
	}
}

function openRow(opener: Opener, plan: ResultPlan, value: unknown, mustOpen: boolean): void {
	const row = asObject(value);
	if (row === undefined) return;
	for (const { name, plan: inner } of plan.relations) openRows(opener, inner, row[name]);
	if (plan.opens === undefined) return;
	// Omitted, here or for the whole Prisma client.
	if (row.settings !== undefined) {
		const mark = opener.prismaReads && plan.opens.selected ? markUnopenedUntilUse : markUnopened;
		openSettings(opener, row, mustOpen ? fail : mark);
	}
	takeAway(row, plan.opens);
}

function openSettings({ encryption, waiting }: Opener, row: Arguments, refusal: Refusal): void {
	try {
		const { settings, settingsEncrypted } = row;
		const opened = openStored(encryption, settings, settingsEncrypted === true, contextOf(row));
		if (opened instanceof Promise) waiting.push(openLater(opened, row, refusal));
		else row.settings = opened;
	} catch (error) {
		refuse(error, row, refusal);
	}
}

async function openLater(
	opening: Promise<unknown>,
	row: Arguments,
	refusal: Refusal,
): Promise<void> {
	try {
		row.settings = await opening;
	} catch (error) {
		refuse(error, row, refusal);
	}
}

function refuse(error: unknown, row: Arguments, refusal: Refusal): void {
	if (!(error instanceof DestinationsError)) throw error;
	refusal(row, error);
}

function contextOf({ id, organizationId, type, settingsEncrypted }: Arguments): SettingsContext {
	if (
		typeof id !== 'string' ||
		typeof organizationId !== 'string' ||
		typeof type !== 'string' ||
		typeof settingsEncrypted !== 'boolean'
	) {
		throw new UnsupportedError(
			'Settings can only be opened with id, organizationId, type and settingsEncrypted. Do not omit these for the whole Prisma client.',
		);
	}
	return { organizationId, destinationId: id, type };
}

/** Fields of other extensions are computed later, so what they may need is only hidden. */
function takeAway(row: Arguments, { added, computes }: Opening): void {
	for (const name of added) {
		if (!computes) delete row[name];
		else if (name in row) Object.defineProperty(row, name, { enumerable: false });
	}
}
