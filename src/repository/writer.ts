import { setTimeout as sleep } from 'node:timers/promises';
import { checkUuid } from '../database/scope.ts';
import type { Destination } from '../destinations/destination.ts';
import { patchedSettings, patchMembers, withoutMasks } from '../destinations/patch.ts';
import { isSameSettings } from '../destinations/same-settings.ts';
import { settingsError } from '../destinations/unopened.ts';
import {
	fieldsOf,
	type ValidatedUpdate,
	validateFields,
	validateUpdate,
} from '../destinations/validate.ts';
import type { Environment } from '../destinations/vocabulary.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { ConflictError, DestinationsError, NotFoundError } from '../errors.ts';
import { flag, wholeNumber } from '../input/checks.ts';
import { checkArgument, checkOptions, type OptionSchemas, optionsOf } from '../input/options.ts';
import { changesBackTo } from './audit/revert.ts';
import { changedFields, type SettingsChange } from './audit/settings-change.ts';
import { noSuchDestination } from './not-found.ts';
import type { SeenDestination } from './seen-rows.ts';
import type { Statements } from './statements.ts';
import type { DestinationTable, Identity, Target } from './table.ts';
import { writeToSeen } from './write-to-seen.ts';

/** For optimistic concurrency. */
export interface WriteOptions {
	/**
	 * The `version` that was read. If the destination has another one by now, nothing is written and the
	 * ConflictError says which, even where the change would have changed nothing.
	 *
	 * @defaultValue whatever version there is
	 */
	readonly expectedVersion?: number | undefined;
}

/** Options of a change that may come from a form. */
export interface SettingsWriteOptions extends WriteOptions {
	/**
	 * Whether the settings come from a form that shows what `redact()` returns: a secret whose mask comes back
	 * unchanged stays what it is. Any other mask is refused.
	 *
	 * @defaultValue `false`: every mask is refused
	 */
	readonly keepMasked?: boolean | undefined;
}

/** Postgres's integers, from the first version on. */
const versionNumber = wholeNumber(1, 2 ** 31 - 1);
const writeOptions = optionsOf({
	expectedVersion: versionNumber.optional(),
} satisfies OptionSchemas<WriteOptions>);
const settingsWriteOptions = writeOptions.extend({
	keepMasked: flag.optional(),
} satisfies Omit<OptionSchemas<SettingsWriteOptions>, keyof WriteOptions>);

/** How long a change is tried again while others change the same row, in milliseconds. */
const patienceMs = 10_000;
/** The longest pause before the next try, in milliseconds: at first, and at last. */
const firstPauseMs = 5;
const lastPauseMs = 500;

/** What a change is compared with: all of it, or, where its settings do not open, what is known. */
type Before = Destination | (Identity & { readonly version: number });

/** Changes destinations that are there. */
export class DestinationWriter {
	readonly #table: DestinationTable;
	readonly #statements: Statements;

	/** @param statements read the log and earlier settings, for a revert. */
	constructor(table: DestinationTable, statements: Statements) {
		this.#table = table;
		this.#statements = statements;
	}

	async update(id: string, changes: unknown, options: SettingsWriteOptions): Promise<Destination> {
		const target = checkUuid('id', id);
		const { expectedVersion, keepMasked } = checkOptions(settingsWriteOptions, options);
		const fields = fieldsOf(changes);
		if (!('settings' in fields)) {
			// Nothing else depends on the type, so nothing need be read first.
			return this.#write({ id: target, version: expectedVersion }, validateFields(fields));
		}
		return this.#changeSettings(
			target,
			expectedVersion,
			(id) => this.#findToReplace(id),
			(before) => {
				const { type, environment } = known(before);
				if (keepMasked !== true || !('settings' in before)) {
					return validateUpdate(type, fields, environment);
				}
				const settings = withoutMasks(type, patchMembers(fields.settings), before.settings);
				return validateUpdate(type, { ...fields, settings }, environment);
			},
		);
	}

	async patch(id: string, patch: unknown, options: SettingsWriteOptions): Promise<Destination> {
		const target = checkUuid('id', id);
		const { expectedVersion, keepMasked = false } = checkOptions(settingsWriteOptions, options);
		const members = patchMembers(patch);
		return this.#changeSettings(
			target,
			expectedVersion,
			(id) => this.#find(id),
			(before) => ({ settings: patchedSettings(before, members, { keepMasked }) }),
		);
	}

	/** The settings of a destination as a patch would leave them. Writes nothing. */
	async preview(
		id: string,
		patch: unknown,
		{ keepMasked = false }: Pick<SettingsWriteOptions, 'keepMasked'>,
	): Promise<Pick<Destination, 'type' | 'settings'>> {
		const members = patchMembers(patch);
		const before = await this.#find(checkUuid('id', id));
		const settings = patchedSettings(before, members, { keepMasked });
		return { type: before.type, settings };
	}

	async revert(
		id: string,
		version: number,
		encryption: SettingsEncryption,
		options: WriteOptions,
	): Promise<Destination> {
		const target = checkUuid('id', id);
		const wanted = checkArgument('version', versionNumber, version);
		const { expectedVersion } = checkOptions(writeOptions, options);
		return this.#change(
			expectedVersion,
			() => this.#findToReplace(target),
			async (before) => {
				const changes = await changesBackTo(this.#statements, encryption, before, wanted);
				return validateUpdate(before.type, changes, known(before).environment);
			},
		);
	}

	/** Deletes a live destination, or brings a deleted one back. */
	async setDeleted(id: string, deleted: boolean, options: WriteOptions): Promise<void> {
		const target = checkUuid('id', id);
		const { expectedVersion } = checkOptions(writeOptions, options);
		if (await this.#table.setDeleted(target, deleted, expectedVersion)) return;
		// Changed, or not there, since its version was read.
		const rows = deleted ? 'live' : 'deleted';
		const found =
			expectedVersion === undefined ? undefined : await this.#table.identify(target, { rows });
		throw found === undefined ? new NotFoundError(noSuchDestination(target)) : conflict(found);
	}

	/**
	 * Changes settings in one round trip where this client knows what they are. Where they are not that any more, the same
	 * round trip has read what they are now.
	 */
	async #changeSettings<B extends Before>(
		id: string,
		expectedVersion: number | undefined,
		find: (id: string) => Promise<B>,
		changesTo: (before: B | Destination | SeenDestination) => ValidatedUpdate,
	): Promise<Destination> {
		const tried = await writeToSeen(this.#table, id, expectedVersion, changesTo);
		let read = tried?.destination;
		if (read !== undefined && tried?.updated) return read;
		// What does not open is found as such.
		if (read !== undefined && settingsError(read) !== undefined) read = undefined;
		const findOnce = async () => {
			const before = read ?? (await find(id));
			read = undefined;
			return before;
		};
		return this.#change<B | Destination>(expectedVersion, findOnce, changesTo);
	}

	/**
	 * Reads a destination, and writes what becomes of it to the version that was read. Whoever loses against
	 * somebody else tries again, unless the caller named the version.
	 */
	async #change<B extends Before>(
		expectedVersion: number | undefined,
		find: () => Promise<B>,
		changesTo: (before: B) => ValidatedUpdate | Promise<ValidatedUpdate>,
	): Promise<Destination> {
		const patientUntil = performance.now() + patienceMs;
		for (let longest = firstPauseMs; ; longest = Math.min(2 * longest, lastPauseMs)) {
			try {
				const before = await find();
				if ((expectedVersion ?? before.version) !== before.version) throw conflict(before);
				return await this.#writeTo(before, await changesTo(before));
			} catch (error) {
				const lost = error instanceof ConflictError && expectedVersion === undefined;
				if (!lost || performance.now() > patientUntil) throw error;
			}
			// At random, so that those who lost together do not meet again.
			await sleep(Math.random() * longest);
		}
	}

	async #writeTo(before: Before, valid: ValidatedUpdate): Promise<Destination> {
		const { settings, ...fields } = valid;
		const { id, organizationId, type, version } = before;
		const target = { id, organizationId, type, version };
		if (!('settings' in before)) return this.#write(target, valid);
		if (settings === undefined || isStored(before, settings)) {
			return Object.keys(fields).length === 0 ? before : this.#write(target, fields);
		}
		const changed = changedFields(before.settings, settings);
		return this.#write(target, valid, { id, version, fields: changed });
	}

	async #write(
		target: Target,
		changes: ValidatedUpdate,
		change?: SettingsChange,
	): Promise<Destination> {
		const table = change === undefined ? this.#table : this.#table.withSettingsChange(change);
		const written = await table.update(target, changes);
		if (written !== undefined) return written;
		// Changed, or gone, since it was read.
		if (target.version !== undefined) throw conflict(await this.#identify(target.id));
		throw new NotFoundError(noSuchDestination(target.id));
	}

	/** What is there, or, where its settings do not open, whose they are: they can be replaced. */
	async #findToReplace(id: string): Promise<Before> {
		try {
			return await this.#find(id);
		} catch (error) {
			// Only errors of opening name the destination.
			if (!(error instanceof DestinationsError) || error.destinationId === undefined) throw error;
			return this.#identify(id);
		}
	}

	async #identify(id: string): Promise<Identity & { readonly version: number }> {
		const identity = await this.#table.identify(id);
		if (identity === undefined) throw new NotFoundError(noSuchDestination(id));
		return identity;
	}

	async #find(id: string): Promise<Destination> {
		const row = await this.#table.findOne(id);
		if (row === undefined) throw new NotFoundError(noSuchDestination(id));
		return row;
	}
}

/** Whether writing settings would change nothing. Those in plaintext are there to be encrypted. */
function isStored({ type, settings, settingsEncrypted }: Destination, validated: object): boolean {
	return settingsEncrypted && isSameSettings(type, settings, validated);
}

function conflict({ id, version }: { id: string; version: number }) {
	return new ConflictError(
		`Destination ${id} was changed meanwhile and is at version ${version}. Read it again before changing it.`,
		{ currentVersion: version },
	);
}

/** What is known of a destination, whether or not its settings open. */
function known(before: Before): Identity & { readonly environment?: Environment } {
	return before;
}
