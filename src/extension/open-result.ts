import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { DecryptionFailedError, UnsupportedError } from '../errors.ts';
import { type Arguments, asObject } from './arguments.ts';
import type { Opening, ResultPlan } from './selection.ts';

/**
 * Opens the settings of every destination in a result, in place: the result is the caller's alone.
 *
 * @param manyRows whether the operation gives rows in an array.
 */
export async function openResult(
	encryption: SettingsEncryption,
	plan: ResultPlan,
	result: unknown,
	manyRows: boolean,
): Promise<void> {
	const waiting: Promise<void>[] = [];
	openRows(encryption, manyRows ? plan : planOfUnwrapped(plan, result), result, waiting);
	if (waiting.length > 0) await Promise.all(waiting);
}

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

function openRows(
	encryption: SettingsEncryption,
	plan: ResultPlan,
	rows: unknown,
	waiting: Promise<void>[],
): void {
	if (Array.isArray(rows)) {
		for (const row of rows) openRow(encryption, plan, row, waiting);
	} else {
		openRow(encryption, plan, rows, waiting);
	}
}

function openRow(
	encryption: SettingsEncryption,
	plan: ResultPlan,
	value: unknown,
	waiting: Promise<void>[],
): void {
	const row = asObject(value);
	if (row === undefined) return;
	for (const { name, plan: inner } of plan.relations) {
		if (name in row) openRows(encryption, inner, row[name], waiting);
	}
	if (plan.opens === undefined) return;
	const pending = openSettings(encryption, row);
	if (pending !== undefined) {
		// Nobody awaits it where another row fails at once, and it would end the process.
		pending.catch(() => {});
		waiting.push(pending);
	}
	takeAway(row, plan.opens);
}

/** Opens one row's settings; gives a promise only where a key must be asked for. */
function openSettings(encryption: SettingsEncryption, row: Arguments): Promise<void> | undefined {
	// Omitted, here or for the whole Prisma client.
	if (row.settings === undefined) return undefined;
	const { settings, settingsEncrypted, id, organizationId, type } = row;
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
	if (!settingsEncrypted) {
		if (encryption.plaintext === 'allow-read') return undefined;
		throw new DecryptionFailedError(
			`The settings of destination ${id} are marked as not encrypted, and this client reads encrypted ones only.`,
		);
	}
	if (isEmptyObject(settings)) return undefined;
	const context = { organizationId, destinationId: id, type };
	const opened = encryption.tryOpen(settings, context);
	if (opened === undefined) {
		return encryption.decrypt(settings, context).then((late) => {
			row.settings = late;
		});
	}
	row.settings = opened;
	return undefined;
}

/** The column's default, which a raw insert leaves: no settings yet. */
function isEmptyObject(value: unknown): boolean {
	const object = asObject(value);
	if (object === undefined) return false;
	for (const _ in object) return false;
	return true;
}

/** Fields of other extensions are computed later, so what they may need is only hidden. */
function takeAway(row: Arguments, { added, computes }: Opening): void {
	for (const name of added) {
		if (!computes) delete row[name];
		else if (name in row) Object.defineProperty(row, name, { enumerable: false });
	}
}
