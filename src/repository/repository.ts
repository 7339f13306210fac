import { checkAuthor, checkUuid } from '../database/scope.ts';
import type { ConnectionTestOutcome } from '../destinations/connection-test/outcome.ts';
import type {
	CreateDestinationInput,
	Destination,
	UpdateDestinationInput,
} from '../destinations/destination.ts';
import { environmentName, typeName } from '../destinations/input-schemas.ts';
import type { DestinationListFilter } from '../destinations/list-query.ts';
import { type DestinationType, isDestinationType } from '../destinations/registry.ts';
import type { UnopenedDestination } from '../destinations/unopened.ts';
import { validateCreate } from '../destinations/validate.ts';
import type { Environment } from '../destinations/vocabulary.ts';
import { UnsupportedError } from '../errors.ts';
import { limitArguments } from '../input/argument-count.ts';
import { abortSignal, flag } from '../input/checks.ts';
import { checkArgument, checkOptions, type OptionSchemas, optionsOf } from '../input/options.ts';
import { observeMethods } from '../telemetry/observe-methods.ts';
import { type DestinationVersion, type HistoryOptions, readHistory } from './audit/history.ts';
import type { Page } from './audit/pages.ts';
import type { ConnectionTests } from './connection-tests.ts';
import type { CopyOptions } from './copy.ts';
import { type DestinationAt, type DestinationDifference, differences } from './diff.ts';
import {
	type OrganizationOptions,
	organizationOptions,
	refuseOther,
	toolsFor,
} from './organization.ts';
import { countOfDestinations, type DestinationPageOptions, pageOfDestinations } from './pages.ts';
import {
	type PruneOptions,
	type PurgeDeletedOptions,
	pruneSettingsHistory,
	purge,
	purgeDeleted,
	refuseTenants,
} from './retention.ts';
import type { DestinationFilter } from './rows.ts';
import { TestedDestination } from './tested-destination.ts';
import type { RepositoryTools } from './tools.ts';
import { DestinationWriter, type SettingsWriteOptions, type WriteOptions } from './writer.ts';

const anyEnvironment = environmentName.optional();

/** Options of a test of settings. */
export interface TestOptions {
	/** Cancels the test. @defaultValue never */
	readonly signal?: AbortSignal | undefined;
}

/** Options of a test of a destination's stored settings. */
export interface ConnectionTestOptions extends TestOptions, OrganizationOptions {}

/** Options of a test of stored settings with a patch on them. */
export interface PatchTestOptions extends ConnectionTestOptions {
	/** As in `patchSettings`. @defaultValue `false` */
	readonly keepMasked?: boolean | undefined;
}

const testOptions = optionsOf({
	signal: abortSignal.optional(),
} satisfies OptionSchemas<TestOptions>);
const connectionTestOptions = organizationOptions.extend(testOptions.shape);
const patchTestOptions = connectionTestOptions.extend({ keepMasked: flag.optional() });

/** Destinations, typed by `type`, with their settings in clear. Soft-deleted ones are hidden. */
export class DestinationRepository {
	readonly #tools: RepositoryTools;
	readonly #writer: DestinationWriter;

	static {
		observeMethods(DestinationRepository.prototype, {
			family: 'destinations',
			table: 'destinations',
			operationsOf: (repository) => repository.#tools.operations,
		});
	}

	/** @internal Use `forOrganization()` or `asService()`. */
	constructor(tools: RepositoryTools) {
		this.#tools = tools;
		this.#writer = new DestinationWriter(tools);
	}

	/**
	 * Creates a destination.
	 *
	 * @throws ValidationError if the input is not valid; `issues` says where.
	 * @throws AlreadyExistsError if the organization has a live one of this type in this environment.
	 * @throws ForbiddenError if the input names an organization outside the scope.
	 * @throws NotFoundError if there is no such organization.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 *
	 * const made = await acme.destinations.create({
	 *   organizationId: '0193a1b2-0000-7000-8000-000000000001',
	 *   type: 'posthog',
	 *   name: 'EU project',
	 *   environment: 'production',
	 *   settings: { apiKey: 'phc_example' },
	 *   requiredConsent: ['measurement'],
	 * });
	 * ```
	 */
	async create<T extends DestinationType>(
		input: CreateDestinationInput & { type: T },
	): Promise<Extract<Destination, { type: T }>> {
		const fields = validateCreate(input);
		refuseOther(this.#tools.scope, fields.organizationId);
		checkAuthor(this.#tools.scope, 'createdBy', fields.createdBy);
		const made = await this.#tools.table.insert(fields);
		return made as Extract<Destination, { type: T }>; // created with this type
	}

	/**
	 * The destination of this id, or null where there is none that the scope may see.
	 *
	 * @throws ValidationError if the id is not a UUID.
	 * @throws DecryptionFailedError, UnknownKeyError or KeyUnavailableError if its settings do not decrypt. Reads
	 * of many destinations do not fail for that, see {@link list}.
	 */
	async findById(id: string, options: OrganizationOptions = {}): Promise<Destination | null> {
		const canonicalId = checkUuid('id', id);
		const { reads } = toolsFor(this.#tools, checkOptions(organizationOptions, options));
		return (await reads.findOne(canonicalId)) ?? null;
	}

	/**
	 * An organization's destinations, the newest first: all of them, of which there is one live one for each
	 * type and environment. In the scope of the service, {@link list} has pages.
	 *
	 * @throws ForbiddenError if the organization is not the scope's.
	 * @throws ValidationError if the id or the environment is not valid.
	 */
	async findByOrganization(
		organizationId: string,
		environment?: Environment,
	): Promise<Destination[]> {
		const wanted = {
			organizationId: checkUuid('organizationId', organizationId),
			environment: checkArgument('environment', anyEnvironment, environment),
		};
		refuseOther(this.#tools.scope, wanted.organizationId);
		return this.#find(wanted);
	}

	/**
	 * The scope's destinations of a type, the newest first: all of them. In the scope of the service these can
	 * be many; {@link list} has pages.
	 *
	 * @throws ValidationError if there is no such type or environment.
	 */
	async findByType(type: DestinationType, environment?: Environment): Promise<Destination[]> {
		return this.#find({
			type: checkArgument('type', typeName, type),
			environment: checkArgument('environment', anyEnvironment, environment),
		});
	}

	/**
	 * A page of live destinations, the newest first where no other order is asked for. Those whose settings do not decrypt
	 * are among them: reading their `settings` throws, `settingsError()` says why, and `unopened: 'mark'` returns
	 * them as data.
	 *
	 * A cursor stands where it stands, whatever becomes of the destination there. One whose name or time of change
	 * moves behind or before it meanwhile, in an order by these, is shown twice or not at all.
	 *
	 * @throws ForbiddenError if the organization is not the scope's.
	 * @throws ValidationError if an option is not valid. In the scope of the service, `enabled`, `connectionStatus`,
	 * `name`, and the orders `changed` and `name`, are for one organization: no index has them across all.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 *
	 * let cursor: string | null | undefined;
	 * while (cursor !== null) {
	 *   const page = await acme.destinations.list({ limit: 100, cursor });
	 *   for (const { name } of page.items) process.stdout.write(`${name}\n`);
	 *   cursor = page.nextCursor;
	 * }
	 * const failing = await acme.destinations.list({ connectionStatus: 'failed', order: 'name' });
	 * ```
	 */
	async list(
		options: DestinationPageOptions & { readonly unopened: 'mark' },
	): Promise<Page<Destination | UnopenedDestination>>;
	async list(options?: DestinationPageOptions): Promise<Page<Destination>>;
	async list(
		options: DestinationPageOptions = {},
	): Promise<Page<Destination | UnopenedDestination>> {
		return pageOfDestinations(this.#tools.reads, this.#tools.scope, options);
	}

	/**
	 * How many live destinations {@link list} finds, in all pages. In the scope of the service without an organization,
	 * Postgres reads all that it counts.
	 *
	 * @throws ForbiddenError and ValidationError as {@link list}.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 *
	 * const off = await acme.destinations.count({ enabled: false });
	 * ```
	 */
	async count(filter: DestinationListFilter = {}): Promise<number> {
		return countOfDestinations(this.#tools.reads, this.#tools.scope, filter);
	}

	/**
	 * Changes a destination. `settings` replaces all settings; {@link patchSettings} merges. What is stored
	 * already changes nothing: then nothing is written, and the version stays.
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
	 * Copies a destination to another environment of its organization: all that an update may change, settings included.
	 * The log calls it `copied`, with the id of the original in `changes.copiedFrom`.
	 *
	 * @returns The copy: a new destination or, with `overwrite`, a new version of the one that was there.
	 * @throws AlreadyExistsError if the environment has a live one of this type, without `overwrite`.
	 * @throws ValidationError if it is the environment that the destination is in, or may not have these settings, which
	 * are judged by today's rules.
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws ConflictError if others keep changing either of the two for 10 seconds.
	 * @throws DecryptionFailedError, UnknownKeyError or KeyUnavailableError if the settings do not decrypt.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 * declare const id: string;
	 *
	 * const copy = await acme.destinations.copyTo(id, 'production', { overwrite: true });
	 * ```
	 */
	async copyTo(
		id: string,
		environment: Environment,
		options: CopyOptions = {},
	): Promise<Destination> {
		return this.#writer.copyTo(id, environment, options);
	}

	/**
	 * Deletes a destination so that {@link restore} can bring it back.
	 *
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws ConflictError if it is at another version than `expectedVersion`; `currentVersion` says which.
	 */
	async softDelete(id: string, options: WriteOptions = {}): Promise<void> {
		await this.#writer.setDeleted(id, true, options);
	}

	/**
	 * Brings a deleted destination back. Its deletion made a version, which `history()` has.
	 *
	 * @throws NotFoundError if there is no deleted destination of this id, or none that the scope may see.
	 * @throws AlreadyExistsError if its organization has a live one of this type and environment meanwhile.
	 * @throws ConflictError if it is at another version than `expectedVersion`; `currentVersion` says which.
	 */
	async restore(id: string, options: WriteOptions = {}): Promise<void> {
		await this.#writer.setDeleted(id, false, options);
	}

	/**
	 * Asks the provider whether it accepts the destination's settings, and saves what it says in
	 * `connectionStatus`, `lastTestedAt` and `lastError`. {@link testConnectionOutcome} returns more.
	 *
	 * @returns Whether the destination can be used. False too where the provider returned no usable answer.
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 */
	async testConnection(id: string, options: ConnectionTestOptions = {}): Promise<boolean> {
		return (await this.testConnectionOutcome(id, options)).ok;
	}

	/**
	 * {@link testConnection} with everything that was found out. A test takes 10 seconds at most. If others
	 * test the same destination at the same time, the provider is asked once: callers of one client share a
	 * test, and another process's is waited for, 10 seconds at most; then the verdict is `inconclusive`.
	 *
	 * The settings are decrypted first: where they do not decrypt, nothing is saved and nobody is asked.
	 *
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws UnsupportedError inside a transaction, which would be held open meanwhile.
	 * @throws The reason of `signal`, once that is aborted. The test goes on while other callers wait for it; after
	 * the last of them the status is `unknown`.
	 */
	async testConnectionOutcome(
		id: string,
		options: ConnectionTestOptions = {},
	): Promise<ConnectionTestOutcome> {
		const { signal, ...whose } = checkOptions(connectionTestOptions, options);
		const { scope, table, statements } = toolsFor(this.#tools, whose);
		const canonicalId = checkUuid('id', id);
		return this.#outsideTransaction().run(
			[scope.role, statements.organizationId, canonicalId],
			() => new TestedDestination(canonicalId, table, statements),
			signal,
		);
	}

	/**
	 * Asks the provider whether it accepts settings that are not saved. Saves nothing.
	 *
	 * @throws The reason of `signal`, once that is aborted.
	 */
	async testSettings(
		type: DestinationType,
		settings: unknown,
		options?: TestOptions,
	): Promise<ConnectionTestOutcome>;
	/**
	 * Asks the provider whether it would accept a destination's settings with a patch on them, before
	 * {@link patchSettings} saves it. Saves nothing.
	 *
	 * @param id of the destination.
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws ValidationError for what the patch makes wrong.
	 * @throws DecryptionFailedError, UnknownKeyError or KeyUnavailableError if the stored settings do not decrypt.
	 */
	async testSettings(
		id: string,
		patch: Record<string, unknown>,
		options?: PatchTestOptions,
	): Promise<ConnectionTestOutcome>;
	async testSettings(
		typeOrId: string,
		settings: unknown,
		options: PatchTestOptions = {},
	): Promise<ConnectionTestOutcome> {
		const tests = this.#outsideTransaction();
		if (isDestinationType(typeOrId)) {
			const { signal } = checkOptions(testOptions, options);
			return tests.test(typeOrId, settings, signal);
		}
		const { signal, ...form } = checkOptions(patchTestOptions, options);
		const patched = await this.#writer.preview(typeOrId, settings, form);
		return tests.test(patched.type, patched.settings, signal);
	}

	/**
	 * The versions of a destination, the newest first: what changed, when, and who did it, and the settings that it had,
	 * redacted. Deleted destinations have theirs too.
	 *
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws KeyUnavailableError where only earlier settings show what changed, and their key is unavailable now.
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
	async history(id: string, options: HistoryOptions = {}): Promise<Page<DestinationVersion>> {
		return readHistory(this.#tools, checkUuid('id', id), options);
	}

	/**
	 * What differs between two destinations, or between two versions of one: of the fields that an update may change, of
	 * the type, and of the settings. Of secrets it only says that they differ.
	 *
	 * @param a the first, by its id: as it is; or as it was at a version.
	 * @param b the second.
	 * @throws NotFoundError if there is no such destination or version, or its settings are kept no longer.
	 * @throws DecryptionFailedError, UnknownKeyError or KeyUnavailableError if settings do not decrypt.
	 *
	 * @example
	 * ```ts
	 * import type { ScopedClient } from '@consent-io/destinations';
	 *
	 * declare const acme: ScopedClient;
	 * declare const id: string;
	 *
	 * const changed = await acme.destinations.diff({ id, version: 3 }, id);
	 * // [{ path: ['name'], secret: false, a: 'Shop', b: 'Store' }, { path: ['settings', 'accessToken'], secret: true }]
	 * ```
	 */
	async diff(
		a: DestinationAt,
		b: DestinationAt,
		options: OrganizationOptions = {},
	): Promise<readonly DestinationDifference[]> {
		return differences(this.#tools, [a, b], options);
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
		return this.#writer.revert(id, version, options);
	}

	/**
	 * Removes a soft-deleted destination permanently, its earlier settings with it. The log keeps that it was.
	 *
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws NotFoundError if there is no deleted destination of this id.
	 */
	async purge(id: string, options: OrganizationOptions = {}): Promise<void> {
		refuseTenants('purge', this.#tools.scope);
		return purge(this.#tools, checkUuid('id', id), options);
	}

	/**
	 * Purges what was soft-deleted before a date, in batches.
	 *
	 * @returns How many.
	 * @throws ValidationError if `olderThan` or `batch` is not valid.
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws The reason of `signal`, once that is aborted.
	 */
	async purgeDeleted(options: PurgeDeletedOptions): Promise<number> {
		const { scope, statements } = this.#tools;
		refuseTenants('purgeDeleted', scope);
		return purgeDeleted(statements, options);
	}

	/**
	 * Deletes earlier settings that are too many or too old, in batches. What was changed, when and by whom
	 * stays in the log; only {@link revert} cannot go back that far.
	 *
	 * @returns How many.
	 * @throws ValidationError if there is no bound, or one that is not valid.
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws The reason of `signal`, once that is aborted.
	 */
	async pruneSettingsHistory(options: PruneOptions): Promise<number> {
		const { scope, statements } = this.#tools;
		refuseTenants('pruneSettingsHistory', scope);
		return pruneSettingsHistory(statements, options);
	}

	#outsideTransaction(): ConnectionTests {
		if (this.#tools.tests !== undefined) return this.#tools.tests;
		throw new UnsupportedError(
			'A connection test waits for a provider, and would hold the transaction open. Test outside it.',
		);
	}

	#find(filter: DestinationFilter): Promise<Destination[]> {
		return this.#tools.reads.find(filter);
	}
}

limitArguments(DestinationRepository.prototype, {
	create: 1,
	findById: 2,
	findByOrganization: 2,
	findByType: 2,
	list: 1,
	count: 1,
	update: 3,
	patchSettings: 3,
	copyTo: 3,
	softDelete: 2,
	restore: 2,
	testConnection: 2,
	testConnectionOutcome: 2,
	testSettings: 3,
	history: 2,
	diff: 3,
	revert: 3,
	purge: 2,
	purgeDeleted: 1,
	pruneSettingsHistory: 1,
});
