import { changesBackTo } from '../audit/revert.ts';
import { changedFields, type SettingsChange } from '../audit/settings-change.ts';
import { wholeNumber } from '../checks.ts';
import type { Destination, UpdateDestinationInput } from '../destinations/destination.ts';
import { type ValidatedUpdate, validateFields, validateUpdate } from '../destinations/validate.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { ConflictError, DestinationsError, NotFoundError, ValidationError } from '../errors.ts';
import { checkOptions, type OptionSchemas, optionsOf } from '../options.ts';
import { checkUuid } from '../tenancy/scope.ts';
import type { Statements } from './statements.ts';
import type { DestinationTable, Identity, Target } from './table.ts';
import { noSuchDestination, translateErrors } from './translate-errors.ts';

/** For optimistic concurrency. */
export interface WriteOptions {
	/**
	 * The `version` that was read. If the destination has another one by now, nothing is written and the
	 * ConflictError says which.
	 *
	 * @defaultValue whatever version there is
	 */
	readonly expectedVersion?: number | undefined;
}

const maxVersion = 2 ** 31 - 1;
const writeOptions = optionsOf({
	expectedVersion: wholeNumber(1, maxVersion).optional(),
} satisfies OptionSchemas<WriteOptions>);

/** How often a change is tried again when others change the same row at the same time. */
const attempts = 5;

/** What a change of settings is compared with. */
interface Before extends Identity {
	readonly version: number;
	readonly settings: object;
}

/** Changes destinations that are there. */
export class DestinationWriter {
	readonly #table: DestinationTable;
	readonly #statements: Statements;

	/** @param statements read the log and earlier settings, for a revert. */
	constructor(table: DestinationTable, statements: Statements) {
		this.#table = table;
		this.#statements = statements;
	}

	async update(
		id: string,
		changes: UpdateDestinationInput,
		options: WriteOptions,
	): Promise<Destination> {
		const { expectedVersion: expected } = checkOptions(writeOptions, options);
		const version = expected === undefined ? {} : { version: expected };
		if (changes?.settings === undefined) {
			// Nothing else depends on the type, so nothing need be read first.
			return this.#write({ id: checkUuid('id', id), ...version }, validateFields(changes));
		}
		const before = await this.#findToReplace(id);
		const valid = validateUpdate(before.type, changes);
		return this.#write({ ...identityOf(before), ...version }, valid, changeOf(before, valid));
	}

	async patch(
		id: string,
		patch: Record<string, unknown>,
		options: WriteOptions,
	): Promise<Destination> {
		const { expectedVersion: expected } = checkOptions(writeOptions, options);
		return this.#retry(expected, async () => {
			const before = await this.#find(id);
			if (expected !== undefined && expected !== before.version) throw conflict(before);
			const settings = mergePatch(before.settings, patch);
			return this.#writeTo(before, { settings });
		});
	}

	async revert(
		id: string,
		version: number,
		encryption: SettingsEncryption,
		options: WriteOptions,
	): Promise<Destination> {
		checkVersion(version);
		const { expectedVersion: expected } = checkOptions(writeOptions, options);
		return this.#retry(expected, async () => {
			const before = await this.#find(id);
			if (expected !== undefined && expected !== before.version) throw conflict(before);
			const changes = await changesBackTo(this.#statements, encryption, before.id, version);
			return this.#writeTo(before, changes);
		});
	}

	/** Writes to the version that was read. */
	#writeTo(before: Before, changes: UpdateDestinationInput): Promise<Destination> {
		const valid = validateUpdate(before.type, changes);
		const where = { ...identityOf(before), version: before.version };
		return this.#write(where, valid, changeOf(before, valid));
	}

	/** Tries again what lost against somebody else, unless the caller named the version. */
	async #retry(
		expected: number | undefined,
		attempt: () => Promise<Destination>,
	): Promise<Destination> {
		for (let left = attempts; ; left -= 1) {
			try {
				return await attempt();
			} catch (error) {
				const lost = error instanceof ConflictError;
				if (!lost || expected !== undefined || left === 1) throw error;
			}
		}
	}

	async #write(
		target: Target,
		changes: ValidatedUpdate,
		change?: SettingsChange,
	): Promise<Destination> {
		const table = change === undefined ? this.#table : this.#table.telling(change);
		const written = await translateErrors(table.update(target, changes));
		if (written !== undefined) return written;
		// Changed, or gone, since it was read.
		if (target.version !== undefined) throw conflict(await this.#identify(target.id));
		throw new NotFoundError(noSuchDestination(target.id));
	}

	/** What is there, or, where its settings do not open, whose they are: they can be replaced. */
	async #findToReplace(id: string): Promise<Before | Identity> {
		try {
			return await this.#find(id);
		} catch (error) {
			if (!(error instanceof DestinationsError) || error instanceof NotFoundError) throw error;
			return this.#identify(checkUuid('id', id));
		}
	}

	async #identify(id: string): Promise<Identity & { readonly version: number }> {
		const identity = await this.#table.identify(id);
		if (identity === undefined) throw new NotFoundError(noSuchDestination(id));
		return identity;
	}

	async #find(id: string): Promise<Before> {
		const row = await this.#table.findOne(checkUuid('id', id));
		if (row === undefined) throw new NotFoundError(noSuchDestination(id));
		return row;
	}
}

function identityOf({ id, organizationId, type }: Identity): Identity {
	return { id, organizationId, type };
}

/** What to tell the log. Nothing where the settings that were there did not open. */
function changeOf(
	before: Before | Identity,
	{ settings }: { readonly settings?: object },
): SettingsChange | undefined {
	if (!('settings' in before) || settings === undefined) return undefined;
	const { id, version } = before;
	return { id, version, fields: changedFields(before.settings, settings) };
}

function conflict({ id, version }: { id: string; version: number }) {
	return new ConflictError(
		`Destination ${id} was changed meanwhile and is at version ${version}. Read it again before changing it.`,
		{ currentVersion: version },
	);
}

function checkVersion(version: number): void {
	if (Number.isInteger(version) && version >= 1 && version <= maxVersion) return;
	throw new ValidationError([
		{ path: ['version'], message: `must be a whole number from 1 to ${maxVersion}` },
	]);
}

function mergePatch(settings: object, patch: Record<string, unknown>): Record<string, unknown> {
	const merged: Record<string, unknown> = { ...settings };
	for (const [name, value] of Object.entries(patch)) {
		if (value === null) delete merged[name];
		else if (value !== undefined) merged[name] = value;
	}
	return merged;
}
