import { checkUuid } from '../database/scope.ts';
import type { Destination, Identity } from '../destinations/destination.ts';
import { environmentName } from '../destinations/input-schemas.ts';
import { patchedSettings, patchMembers, withoutMasks } from '../destinations/patch.ts';
import { type DestinationType, definitionOf } from '../destinations/registry.ts';
import { isSameSettings } from '../destinations/same-settings.ts';
import { settingsError } from '../destinations/unopened.ts';
import {
	fieldsOf,
	localIssues,
	refusesLocal,
	type ValidatedUpdate,
	validateFields,
	validateUpdate,
} from '../destinations/validate.ts';
import type { Environment } from '../destinations/vocabulary.ts';
import type { SeenDestination } from '../encryption/seen-rows.ts';
import { NotFoundError, ValidationError } from '../errors.ts';
import { flag } from '../input/checks.ts';
import { checkArgument, checkOptions, type OptionSchemas } from '../input/options.ts';
import { changesBackTo } from './audit/revert.ts';
import { changedFields, type SettingsChange } from './audit/settings-change.ts';
import { type CopyOptions, copyDestination, copyOptions } from './copy.ts';
import {
	type Before,
	conflict,
	findExisting,
	findToReplace,
	identifyExisting,
} from './existing.ts';
import { noSuchDestination } from './not-found.ts';
import { type OrganizationOptions, organizationOptions, toolsFor } from './organization.ts';
import type { DestinationTable, Original, Target } from './table.ts';
import type { RepositoryTools } from './tools.ts';
import { untilWon } from './until-won.ts';
import { versionNumber } from './version-number.ts';
import { writeToSeen } from './write-to-seen.ts';

/** Options of a change. */
export interface WriteOptions extends OrganizationOptions {
	/**
	 * For optimistic concurrency: the `version` that was read. If the destination has another version by now, nothing is
	 * written, and the ConflictError says which one. This also holds if the changes equal what is stored.
	 *
	 * @defaultValue any version
	 */
	readonly expectedVersion?: number | undefined;
}

/** Options of a change that can come from a form. */
export interface SettingsWriteOptions extends WriteOptions {
	/**
	 * Whether the settings come from a form that shows the result of `redact()`. A secret whose mask comes back unchanged
	 * keeps its value. Any other mask is refused.
	 *
	 * @defaultValue `false`: every mask is refused
	 */
	readonly keepMasked?: boolean | undefined;
}

const writeOptions = organizationOptions.extend({
	expectedVersion: versionNumber.optional(),
} satisfies Omit<OptionSchemas<WriteOptions>, keyof OrganizationOptions>);
const settingsWriteOptions = writeOptions.extend({
	keepMasked: flag.optional(),
} satisfies Omit<OptionSchemas<SettingsWriteOptions>, keyof WriteOptions>);

/** Changes destinations that are there. */
export class DestinationWriter {
	readonly #tools: RepositoryTools;

	constructor(tools: RepositoryTools) {
		this.#tools = tools;
	}

	get #table(): DestinationTable {
		return this.#tools.table;
	}

	/** @throws ForbiddenError if the scope is that of another organization. */
	#for(options: OrganizationOptions): DestinationWriter {
		return new DestinationWriter(toolsFor(this.#tools, options));
	}

	async update(id: string, changes: unknown, options: SettingsWriteOptions): Promise<Destination> {
		const target = checkUuid('id', id);
		const { organizationId, ...checked } = checkOptions(settingsWriteOptions, options);
		return this.#for({ organizationId }).#update(target, changes, checked);
	}

	async #update(
		target: string,
		changes: unknown,
		{ expectedVersion, keepMasked }: Omit<SettingsWriteOptions, 'organizationId'>,
	): Promise<Destination> {
		const fields = fieldsOf(changes);
		if (!('settings' in fields)) {
			const valid = validateFields(fields);
			// Nothing else depends on what is there, so nothing need be read first.
			if (!refusesLocal(valid.environment)) {
				return this.#write({ id: target, version: expectedVersion }, valid);
			}
			return this.#change(
				expectedVersion,
				() => findToReplace(this.#table, target, mustOpenToMove),
				(before) => movable(before, valid),
			);
		}
		return this.#changeSettings(
			target,
			expectedVersion,
			(id) => findToReplace(this.#table, id),
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
		const checked = checkOptions(settingsWriteOptions, options);
		const { expectedVersion, keepMasked = false } = checked;
		const members = patchMembers(patch);
		const writer = this.#for(checked);
		return writer.#changeSettings(
			target,
			expectedVersion,
			(id) => findExisting(writer.#table, id),
			(before) => ({ settings: patchedSettings(before, members, { keepMasked }) }),
		);
	}

	/** The settings of a destination as a patch would leave them. Writes nothing. */
	async preview(
		id: string,
		patch: unknown,
		{
			keepMasked = false,
			organizationId,
		}: Pick<SettingsWriteOptions, 'keepMasked' | 'organizationId'>,
	): Promise<Pick<Destination, 'type' | 'settings'>> {
		const members = patchMembers(patch);
		const { table } = toolsFor(this.#tools, { organizationId });
		const before = await findExisting(table, checkUuid('id', id));
		const settings = patchedSettings(before, members, { keepMasked });
		return { type: before.type, settings };
	}

	async revert(id: string, version: number, options: WriteOptions): Promise<Destination> {
		const target = checkUuid('id', id);
		const wanted = checkArgument('version', versionNumber, version);
		const { expectedVersion, organizationId } = checkOptions(writeOptions, options);
		const writer = this.#for({ organizationId });
		const { statements, encryption } = writer.#tools;
		return writer.#change(
			expectedVersion,
			() => findToReplace(writer.#table, target),
			async (before) => {
				const changes = await changesBackTo(statements, encryption, before, wanted);
				return movable(before, validateUpdate(before.type, changes, known(before).environment));
			},
		);
	}

	/** Deletes a live destination, or brings a deleted one back. */
	async setDeleted(id: string, deleted: boolean, options: WriteOptions): Promise<void> {
		const target = checkUuid('id', id);
		const { expectedVersion, organizationId } = checkOptions(writeOptions, options);
		const { table } = toolsFor(this.#tools, { organizationId });
		if (await table.setDeleted(target, deleted, expectedVersion)) return;
		// Changed, or not there, since its version was read.
		const rows = deleted ? 'live' : 'deleted';
		const found =
			expectedVersion === undefined ? undefined : await table.identify(target, { rows });
		throw found === undefined
			? new NotFoundError(noSuchDestination(target, rows))
			: conflict(found);
	}

	/** Copies a destination to another environment. */
	async copyTo(id: string, environment: Environment, options: CopyOptions): Promise<Destination> {
		const target = checkUuid('id', id);
		const wanted = checkArgument('environment', environmentName, environment);
		const { overwrite = false, organizationId } = checkOptions(copyOptions, options);
		const writer = this.#for({ organizationId });
		const over = (there: Before, changes: ValidatedUpdate, original: Original) =>
			writer.#writeTo(there, changes, original);
		return copyDestination(writer.#table, target, wanted, overwrite ? over : undefined);
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
		// What does not decrypt is found as such.
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
		const attempt = async () => {
			const before = await find();
			if ((expectedVersion ?? before.version) !== before.version) throw conflict(before);
			return this.#writeTo(before, await changesTo(before));
		};
		return expectedVersion === undefined ? untilWon(attempt) : attempt();
	}

	/** @param original of which it becomes a copy. */
	async #writeTo(
		before: Before,
		valid: ValidatedUpdate,
		original?: Original,
	): Promise<Destination> {
		const { settings, ...fields } = valid;
		const { id, organizationId, type, version } = before;
		const target = { id, organizationId, type, version };
		if (!('settings' in before)) return this.#write(target, valid, { original });
		if (settings === undefined || isStored(before, settings)) {
			return Object.keys(fields).length === 0 ? before : this.#write(target, fields, { original });
		}
		const changed = changedFields(before.settings, settings);
		return this.#write(target, valid, { original, change: { id, version, fields: changed } });
	}

	async #write(
		target: Target,
		changes: ValidatedUpdate,
		{ original, change }: { original?: Original | undefined; change?: SettingsChange } = {},
	): Promise<Destination> {
		let table = this.#table;
		if (change !== undefined) table = table.withSettingsChange(change);
		if (original !== undefined) table = table.withCopy({ id: target.id, from: original.id });
		const written = await table.update(target, changes, original);
		if (written !== undefined) return written;
		// Changed, or gone, since it was read.
		if (target.version !== undefined)
			throw conflict(await identifyExisting(this.#table, target.id));
		throw new NotFoundError(noSuchDestination(target.id));
	}
}

/** Of the types whose settings may lead to a local network nobody knows whether they do until they are opened. */
function mustOpenToMove(type: DestinationType): boolean {
	return definitionOf(type).localSettings !== undefined;
}

/**
 * Changes that may move a destination to another environment.
 *
 * @throws ValidationError if it has settings, which the changes leave alone, that only the environment development may
 * have.
 */
function movable(before: Before, changes: ValidatedUpdate): ValidatedUpdate {
	const { environment, settings } = changes;
	if (settings !== undefined || !('settings' in before)) return changes;
	if (before.environment === environment) return changes;
	const issues = localIssues(before.type, before.settings, environment);
	if (issues.length > 0) throw new ValidationError(issues);
	return changes;
}

/** Whether writing settings would change nothing. Those in plaintext are there to be encrypted. */
function isStored({ type, settings, settingsEncrypted }: Destination, validated: object): boolean {
	return settingsEncrypted && isSameSettings(type, settings, validated);
}

/** What is known of a destination, whether or not its settings open. */
function known(before: Before): Identity & { readonly environment?: Environment } {
	return before;
}
