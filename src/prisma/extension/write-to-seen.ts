import { isSameSettings } from '../../destinations/same-settings.ts';
import type { SeenRows } from '../../encryption/seen-rows.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { canonicalId } from '../../ids/canonical-id.ts';
import { validOrNone } from '../../input/valid-or-none.ts';
import type { Arguments, Send } from './arguments.ts';
import type { Model } from './models.ts';
import { sealAll, validate, type Writes } from './seal.ts';
import { reachesRelations } from './upsert.ts';
import { restrictBy } from './where.ts';

/** An operation whose arguments have been rewritten. */
interface Change {
	readonly model: Model;
	readonly operation: string;
	readonly args: Arguments;
	/** The organization of the scope, if it has one. */
	readonly organizationId: string | undefined;
	readonly writes: Writes | undefined;
}

/**
 * Changes the settings of a destination to the version that this client saw last, by one statement and without a look-up.
 * Returns nothing, and has changed nothing, where it was not seen or is another version by now, and where the ordinary way has
 * the last word: the settings are not valid, or seem to be these already, which may not be so any more.
 */
export async function writeToSeen(
	encryption: SettingsEncryption,
	seen: SeenRows,
	{ model, operation, args, organizationId, writes }: Change,
	send: Send,
): Promise<unknown> {
	const [row] = writes?.existingRows ?? [];
	if (operation !== 'update' || row === undefined || row.data !== args.data) return undefined;
	const { id, version } = row.where;
	if (typeof id !== 'string' || version !== undefined) return undefined;
	if (reachesRelations(model, args)) return undefined;
	const before = seen.open(canonicalId(id), organizationId, encryption);
	if (before === undefined) return undefined;
	// The arguments stay as they are, for the ordinary way.
	const sent = { ...args, where: { ...row.where }, data: { ...row.data } };
	const sealing = validOrNone(() => validate(sent.data, before, before.environment));
	if (sealing === undefined) return undefined;
	const { settings, id: _, ...conditions } = before;
	if (isSameSettings(before.type, settings, sealing.settings)) return undefined;
	await sealAll(encryption, model, sent, [sealing]);
	// The version alone could be that of a row that was made with the id of one that was purged.
	restrictBy(sent.where, conditions);
	try {
		return await send(sent);
	} catch (error) {
		if (isNotFound(error)) return undefined;
		throw error;
	}
}

/** https://www.prisma.io/docs/orm/reference/error-reference#p2025 */
function isNotFound(error: unknown): boolean {
	return error instanceof Error && 'code' in error && error.code === 'P2025';
}
