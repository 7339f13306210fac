import { checkUuid, type Scope } from '../database/scope.ts';
import type { Destination, UpdateDestinationInput } from '../destinations/destination.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { ForbiddenError, NotFoundError } from '../errors.ts';
import { type DestinationVersion, readHistory } from './audit/history.ts';
import type { Page, PageOptions } from './audit/pages.ts';
import type { ConnectionTests } from './connection-tests.ts';
import {
	type PruneOptions,
	type PurgeDeletedOptions,
	pruneSettingsHistory,
	purge,
	purgeDeleted,
} from './retention.ts';
import type { Statements } from './statements.ts';
import type { DestinationTable } from './table.ts';
import { DestinationWriter, type SettingsWriteOptions, type WriteOptions } from './writer.ts';

/** What the repository of one scope works with. */
export interface RepositoryTools {
	readonly table: DestinationTable;
	/** For the log, earlier settings and retention. */
	readonly statements: Statements;
	readonly scope: Scope;
	/** Opens earlier settings. */
	readonly encryption: SettingsEncryption;
	/** Left out inside a transaction, which would be held open while a provider is waited for. */
	readonly tests?: ConnectionTests;
}

/** The part of the repository that makes versions, reads them, brings them back and removes them for good. */
export abstract class DestinationVersions {
	readonly #tools: RepositoryTools;
	readonly #writer: DestinationWriter;

	/** @internal */
	constructor(tools: RepositoryTools) {
		this.#tools = tools;
		this.#writer = new DestinationWriter(tools.table, tools.statements);
	}

	/**
	 * Changes a destination. `settings` replaces all settings; {@link patchSettings} merges. What is stored
	 * already is no change: then nothing is written, and the version stays.
	 *
	 * @throws ValidationError if the changes are not valid for the destination's type.
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws AlreadyExistsError if the new environment has a live one of this type.
	 * @throws ConflictError if it is at another version than `expectedVersion`; `currentVersion` says which. For
	 * settings also without one, if others keep changing the destination for 10 seconds.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 * declare const id: string;
	 *
	 * const made = await acme.destinations.update(id, { enabled: false });
	 * // Only if nobody changed it meanwhile:
	 * await acme.destinations.update(id, { name: 'Shop' }, { expectedVersion: made.version });
	 * ```
	 */
	async update(
		id: string,
		changes: UpdateDestinationInput,
		options: SettingsWriteOptions = {},
	): Promise<Destination> {
		return this.#writer.update(id, changes, options);
	}

	/**
	 * Changes some settings and keeps the others, so that a form that never got a secret need not send it
	 * back. A member that is `null` or empty text is removed, as in a JSON merge patch (RFC 7396) and as in forms.
	 *
	 * Only what the patch changes is validated: members that an earlier release let in stay as they are.
	 *
	 * @throws ValidationError for what the patch makes wrong.
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws ConflictError as {@link update}.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 * declare const id: string;
	 *
	 * await acme.destinations.patchSettings(id, { host: 'https://us.i.posthog.com' });
	 * ```
	 */
	async patchSettings(
		id: string,
		patch: Record<string, unknown>,
		options: SettingsWriteOptions = {},
	): Promise<Destination> {
		return this.#writer.patch(id, patch, options);
	}

	/**
	 * The versions of a destination, the newest first: what changed, when, and who did it. Of settings, only
	 * their names. Deleted destinations have theirs too.
	 *
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws KeyUnavailableError where only earlier settings tell what changed, and their key cannot be had now.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 * declare const id: string;
	 *
	 * const { items } = await acme.destinations.history(id, { limit: 20 });
	 * const [latest, before] = items;
	 * if (before) await acme.destinations.revert(id, before.version);
	 * ```
	 */
	async history(id: string, options: PageOptions = {}): Promise<Page<DestinationVersion>> {
		return readHistory(
			this.#tools.statements,
			this.#tools.encryption,
			checkUuid('id', id),
			options,
		);
	}

	/**
	 * Makes a destination what it was at a version, settings included, as a new version. A deleted one must
	 * be restored first.
	 *
	 * @throws NotFoundError if there is no such destination or version, or its settings are kept no longer.
	 * @throws ValidationError if what it was is not valid any more.
	 * @throws AlreadyExistsError if the environment it was in has a live one of this type.
	 * @throws ConflictError as {@link update}.
	 */
	async revert(id: string, version: number, options: WriteOptions = {}): Promise<Destination> {
		return this.#writer.revert(id, version, this.#tools.encryption, options);
	}

	/**
	 * Removes a soft-deleted destination for good, its earlier settings with it. The log keeps that it was.
	 *
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws NotFoundError if there is no deleted destination of this id.
	 */
	async purge(id: string): Promise<void> {
		this.#refuseTenants('purge');
		if (!(await purge(this.#tools.statements, checkUuid('id', id)))) {
			throw new NotFoundError(
				`There is no deleted destination ${id}. Delete it before purging it.`,
			);
		}
	}

	/**
	 * Purges what was soft-deleted before a date, in batches.
	 *
	 * @returns How many.
	 * @throws ValidationError if `olderThan` or `batch` is none.
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws The reason of `signal`, once that is aborted.
	 */
	async purgeDeleted(options: PurgeDeletedOptions): Promise<number> {
		this.#refuseTenants('purgeDeleted');
		return purgeDeleted(this.#tools.statements, options);
	}

	/**
	 * Deletes earlier settings that are too many or too old, in batches. What was changed, when and by whom
	 * stays in the log; only {@link revert} cannot go back that far.
	 *
	 * @returns How many.
	 * @throws ValidationError if there is no bound, or one that is none.
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws The reason of `signal`, once that is aborted.
	 */
	async pruneSettingsHistory(options: PruneOptions): Promise<number> {
		this.#refuseTenants('pruneSettingsHistory');
		return pruneSettingsHistory(this.#tools.statements, options);
	}

	#refuseTenants(method: string): void {
		if (this.#tools.scope.organizationId === undefined) return;
		throw new ForbiddenError(`${method}() is for asService() alone: it removes for good.`);
	}
}
