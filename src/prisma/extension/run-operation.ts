import { checkAuthor, type Scope } from '../../database/scope.ts';
import type { SeenRows } from '../../encryption/seen-rows.ts';
import type { SettingsEncryption } from '../../encryption/settings-encryption.ts';
import { type RaisedIssue, ValidationError } from '../../errors.ts';
import { type Arguments, asObject, type Send } from './arguments.ts';
import { copyArguments, refusalArgument } from './copy-arguments.ts';
import { type FieldNames, isDestination, type Model } from './models.ts';
import { openResult } from './open-result.ts';
import { planOperation } from './operations.ts';
import { nameOrganization } from './own-organization.ts';
import { identityOfNew, type LookUp, type NewRow, seal, type Writes } from './seal.ts';
import type { Batch } from './transaction.ts';
import { asOneStatement, idOfUpsert, isTaken, onlyKnownRow } from './upsert.ts';
import { writeToSeen } from './write-to-seen.ts';

/** One operation of Prisma, as it was called. */
export interface Operation {
	readonly model: Model;
	readonly operation: string;
	/** Anything: it is copied, because arguments are rewritten in place. */
	readonly args: unknown;
	/** Whether it is a client with extensions that runs it. */
	readonly extended?: boolean;
	/** The scope that it runs in, which says whom it may name as author, and whose rows are meant. */
	readonly scope?: Scope;
	/** The destinations that its client saw. Left out in a transaction, which may be rolled back with what it wrote. */
	readonly seen?: SeenRows | undefined;
	/** The batch that it is part of. It is committed when results come, so that opening them must not fail. */
	readonly batch?: Batch | undefined;
	/** The relations of a call of Prisma's fluent API, where Prisma says them. */
	readonly fluent?: readonly string[] | undefined;
	/** The names of the schema. @defaultValue those of this package's schema */
	readonly names?: FieldNames | undefined;
}

/** Runs an operation with settings encrypted on the way in and opened on the way out, and deleted rows hidden. */
export async function runOperation(
	encryption: SettingsEncryption,
	called: Operation,
	lookUp: LookUp,
	send: Send,
): Promise<unknown> {
	const args = copyArguments(called.args, called.names);
	const refusal = args[refusalArgument];
	// The package's own argument: nobody else has a use for it.
	if (refusal !== undefined) throw new ValidationError(refusal as RaisedIssue[]);
	const id = idOfUpsert(called, args);
	if (id === undefined) return attempt(encryption, { ...called, args }, lookUp, send);
	if (called.batch !== undefined) {
		// A batch is committed before its results are known, and repeated as a whole.
		called.batch.upserts.add(id);
		return attempt(encryption, { ...called, args }, lookUp, send);
	}
	return upsert(encryption, { ...called, args }, id, lookUp, send);
}

/**
 * Runs an upsert that many may call at once. In a transaction that has failed the look-up fails as well, so
 * that its first error stands.
 */
async function upsert(
	encryption: SettingsEncryption,
	called: Operation,
	id: string,
	lookUp: LookUp,
	send: Send,
): Promise<unknown> {
	// An attempt rewrites its arguments.
	const again = () =>
		attempt(
			encryption,
			{ ...called, args: copyArguments(called.args, called.names) },
			lookUp,
			send,
		);
	try {
		const args = copyArguments(called.args, called.names);
		const result = await attempt(encryption, { ...called, args, atOnce: true }, lookUp, send);
		if (result !== null) return result;
	} catch (error) {
		if (!(await isTaken(error, [id], lookUp))) throw error;
	}
	// The row is there now, with a type and settings that are known. One that the filter does not find, such
	// as a deleted one, fails here.
	return again();
}

/** An operation with a copy of its arguments, which is rewritten in place. */
interface Attempt extends Operation {
	readonly args: Arguments;
	/** Whether an upsert is to be one statement, if it can be. */
	readonly atOnce?: boolean;
}

async function attempt(
	encryption: SettingsEncryption,
	called: Attempt,
	lookUp: LookUp,
	send: Send,
): Promise<unknown> {
	const { model, operation, args, extended = false, scope, seen, batch, fluent } = called;
	const { result: plan, opening = {}, writes } = planOperation(model, operation, args);
	const { organizationId } = scope ?? {};
	if (organizationId !== undefined) nameOrganization(model, operation, args, organizationId);
	const change = { model, operation, args, organizationId, writes };
	const written = seen && (await writeToSeen(encryption, seen, change, send));
	if (written === undefined && writes !== undefined) {
		await sealWrites(encryption, called, writes, lookUp);
	}
	const result = written ?? (await send(args));
	if (plan === undefined) return result;
	const { manyRows = false, mustOpen = false } = opening;
	if (!manyRows && isDestination(model)) seen?.note(asObject(result) ?? {});
	const must = mustOpen && batch === undefined;
	const options = { manyRows, mustOpen: must, prismaReads: extended, fluent };
	return openResult(encryption, plan, result, options);
}

/** Has a write encrypted, with what it changes looked up. */
async function sealWrites(
	encryption: SettingsEncryption,
	{ model, args, scope, batch, atOnce = false }: Attempt,
	writes: Writes,
	lookUp: LookUp,
): Promise<void> {
	if (scope !== undefined) checkAuthors(scope, writes.newRows);
	const look = lookUpIn(batch, writes.newRows, lookUp);
	const existing = await seal(encryption, model, args, writes, look);
	// Other writes have no such update.
	onlyKnownRow(args, existing);
	if (atOnce) asOneStatement(model, args);
}

function checkAuthors(scope: Scope, rows: readonly NewRow[]): void {
	for (const { data } of rows) {
		for (const field of ['createdBy', 'updatedBy']) checkAuthor(scope, field, data[field]);
	}
}

/** A look-up cannot see what earlier operations of the batch create: nothing of it was sent yet. */
function lookUpIn(batch: Batch | undefined, newRows: readonly NewRow[], lookUp: LookUp): LookUp {
	if (batch === undefined) return lookUp;
	const earlier = new Map(batch.rows);
	for (const row of newRows) {
		const identity = identityOfNew(row);
		batch.rows.set(identity.id, identity);
	}
	return async (ids) => {
		const found = await lookUp(ids);
		const seen = new Set(found.map(({ id }) => id));
		const made = ids.map((id) => earlier.get(id)).filter((row) => row !== undefined);
		const stored = found.map((row) => ({ ...row, inBatch: true }));
		return [...stored, ...made.filter(({ id }) => !seen.has(id))];
	};
}
