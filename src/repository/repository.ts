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

/** Options of a connection test. */
export interface TestOptions {
	/** Cancels the test. @defaultValue `undefined` */
	readonly signal?: AbortSignal | undefined;
}

/** Options of a connection test with the stored settings of a destination. */
export interface ConnectionTestOptions extends TestOptions, OrganizationOptions {}

/** Options of a connection test with stored settings after a patch. */
export interface PatchTestOptions extends ConnectionTestOptions {
	/** See the option of `patchSettings`. @defaultValue `false` */
	readonly keepMasked?: boolean | undefined;
}

const testOptions = optionsOf({
	signal: abortSignal.optional(),
} satisfies OptionSchemas<TestOptions>);
const connectionTestOptions = organizationOptions.extend(testOptions.shape);
const patchTestOptions = connectionTestOptions.extend({ keepMasked: flag.optional() });

/** The destinations of a scope, typed by `type`, with their settings decrypted. Soft-deleted destinations are hidden. */
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
	 * @throws AlreadyExistsError if the organization already has a live destination of this type in this environment.
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
	 * The live destination with this id, or null if there is none that the scope can see.
	 *
	 * @throws ValidationError if the id is not a UUID.
	 * @throws DecryptionFailedError, UnknownKeyError or KeyUnavailableError if its settings do not decrypt. Reads of several
	 * destinations do not fail in this case: see {@link list}.
	 */
	async findById(id: string, options: OrganizationOptions = {}): Promise<Destination | null> {
		const canonicalId = checkUuid('id', id);
		const { reads } = toolsFor(this.#tools, checkOptions(organizationOptions, options));
		return (await reads.findOne(canonicalId)) ?? null;
	}

	/**
	 * All live destinations of an organization, the newest first: at most one for each type and environment. {@link list}
	 * returns them in pages.
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
	 * All live destinations of a type that the scope can see, the newest first. In the scope of the service these can be
	 * many: {@link list} returns them in pages.
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
	 * A page of live destinations, the newest first unless `order` says otherwise. It includes destinations whose settings do
	 * not decrypt: reading their `settings` throws, `settingsError()` says why, and `unopened: 'mark'` returns them as plain
	 * data.
	 *
	 * A cursor marks a place in the order, whatever happens to the destination there. In the orders `name` and `changed`, a
	 * destination that moves past this place between two pages is shown twice or not at all.
	 *
	 * @throws ForbiddenError if the organization is not the scope's.
	 * @throws ValidationError if an option is not valid. In the scope of the service, the filters `enabled`,
	 * `connectionStatus` and `name`, and the orders `changed` and `name`, need an `organizationId`: no index has them across
	 * organizations.
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
	 * How many live destinations {@link list} finds, in all pages. In the scope of the service without an `organizationId`,
	 * Postgres reads every row that it counts.
	 *
	 * @throws ForbiddenError or ValidationError, as {@link list} does.
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
	 * Changes a destination. `settings` replaces all settings; {@link patchSettings} merges. If the changes equal what is
	 * stored, nothing is written, and the version stays the same.
	 *
	 * @throws ValidationError if the changes are not valid for the destination's type.
	 * @throws NotFoundError if there is no such destination, or the scope cannot see it.
	 * @throws AlreadyExistsError if the new environment already has a live destination of this type.
	 * @throws ConflictError if the destination does not have the version `expectedVersion`; `currentVersion` says which one
	 * it has. Without `expectedVersion`, if others keep changing the destination for 10 seconds; this concerns changes of the
	 * settings and of the environment only.
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
	 * Changes some settings and keeps the others, so that a form that never received a secret need not send it back. A member
	 * that is `null` or an empty string is removed: `null` as in a JSON merge patch (RFC 7396), the empty string because
	 * forms send it.
	 *
	 * Only what the patch changes is validated. Other members stay as they are, even if an earlier release accepted values
	 * that are not valid now.
	 *
	 * @throws ValidationError if what the patch changes is not valid.
	 * @throws NotFoundError if there is no such destination, or the scope cannot see it.
	 * @throws ConflictError, as {@link update} does.
	 * @throws DecryptionFailedError, UnknownKeyError or KeyUnavailableError if the stored settings do not decrypt.
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
	 * Copies a destination to another environment of its organization: everything that an update can change, settings
	 * included. The action in the log is `copied`, and `changes.copiedFrom` has the id of the original.
	 *
	 * @returns The copy: a new destination or, with `overwrite`, a new version of the one that was there.
	 * @throws AlreadyExistsError if the environment already has a live destination of this type, and `overwrite` is not set.
	 * @throws ValidationError if the destination is in this environment already, or its settings are not valid there by the
	 * current rules.
	 * @throws NotFoundError if there is no such destination, or the scope cannot see it.
	 * @throws ConflictError if others keep changing one of the two destinations for 10 seconds.
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
	 * Soft-deletes a destination: {@link restore} can bring it back.
	 *
	 * @throws NotFoundError if there is no such destination, or the scope cannot see it.
	 * @throws ConflictError if the destination does not have the version `expectedVersion`; `currentVersion` says which one
	 * it has.
	 */
	async softDelete(id: string, options: WriteOptions = {}): Promise<void> {
		await this.#writer.setDeleted(id, true, options);
	}

	/**
	 * Restores a soft-deleted destination. Its deletion stays a version in `history()`.
	 *
	 * @throws NotFoundError if there is no deleted destination with this id, or the scope cannot see it.
	 * @throws AlreadyExistsError if its organization now has a live destination of the same type and environment.
	 * @throws ConflictError if the destination does not have the version `expectedVersion`; `currentVersion` says which one
	 * it has.
	 */
	async restore(id: string, options: WriteOptions = {}): Promise<void> {
		await this.#writer.setDeleted(id, false, options);
	}

	/**
	 * Asks the provider whether it accepts the settings of a destination, and saves the result in `connectionStatus`,
	 * `lastTestedAt` and `lastError`. {@link testConnectionOutcome} returns more, and throws the same errors.
	 *
	 * @returns Whether the destination can be used. Also false if the provider returned no usable answer.
	 * @throws NotFoundError if there is no such destination, or the scope cannot see it.
	 */
	async testConnection(id: string, options: ConnectionTestOptions = {}): Promise<boolean> {
		return (await this.testConnectionOutcome(id, options)).ok;
	}

	/**
	 * Like {@link testConnection}, but returns everything that the test found. A test takes at most 10 seconds. If several
	 * callers test the same destination at the same time, the provider is asked once. Callers of one client share the test. A
	 * test of another process is waited for, at most 10 seconds; after that the verdict is `inconclusive`.
	 *
	 * The settings are decrypted first: if they do not decrypt, nothing is saved, and the provider is not asked.
	 *
	 * @throws NotFoundError if there is no such destination, or the scope cannot see it.
	 * @throws UnsupportedError inside a transaction, which would stay open during the test.
	 * @throws DecryptionFailedError, UnknownKeyError or KeyUnavailableError if the settings do not decrypt.
	 * @throws The reason of `signal`, once it is aborted. The test goes on while other callers wait for it. When none is
	 * left, it is cancelled, and the status is `unknown`.
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
	 * @throws UnsupportedError inside a transaction, which would stay open during the test.
	 * @throws The reason of `signal`, once it is aborted.
	 */
	async testSettings(
		type: DestinationType,
		settings: unknown,
		options?: TestOptions,
	): Promise<ConnectionTestOutcome>;
	/**
	 * Asks the provider whether it would accept the settings of a destination after a patch, before {@link patchSettings}
	 * saves it. Saves nothing.
	 *
	 * @param id UUID of the destination.
	 * @throws UnsupportedError inside a transaction, which would stay open during the test.
	 * @throws NotFoundError if there is no such destination, or the scope cannot see it.
	 * @throws ValidationError if what the patch changes is not valid.
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
	 * The versions of a destination, the newest first: what changed, when, who changed it, and the settings of the version,
	 * redacted. Deleted destinations have a history, too.
	 *
	 * @throws NotFoundError if there is no such destination, or the scope cannot see it.
	 * @throws KeyUnavailableError if only earlier settings show what changed, and their key is unavailable now.
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
	 * The differences between two destinations, or between two versions of one: in the fields that an update can change, the
	 * type, and the settings. For secrets, it only says that they differ.
	 *
	 * @param a The first: its id, for what it is now, or its id and a version.
	 * @param b The second.
	 * @throws NotFoundError if there is no such destination or version, or its settings are no longer kept.
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
	 * Sets a destination back to what it was at a version, settings included, as a new version. A deleted destination must be
	 * restored first.
	 *
	 * @throws NotFoundError if there is no such destination or version, or its settings are no longer kept.
	 * @throws ValidationError if what it was then is no longer valid.
	 * @throws AlreadyExistsError if the environment that it was in has another live destination of this type.
	 * @throws ConflictError, as {@link update} does.
	 */
	async revert(id: string, version: number, options: WriteOptions = {}): Promise<Destination> {
		return this.#writer.revert(id, version, options);
	}

	/**
	 * Removes a soft-deleted destination permanently, together with its earlier settings. The log keeps its entries.
	 *
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws NotFoundError if there is no deleted destination with this id.
	 */
	async purge(id: string, options: OrganizationOptions = {}): Promise<void> {
		refuseTenants('purge', this.#tools.scope);
		return purge(this.#tools, checkUuid('id', id), options);
	}

	/**
	 * Permanently removes the destinations that were soft-deleted before a date, in batches.
	 *
	 * @returns How many were removed.
	 * @throws ValidationError if an option is not valid.
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws The reason of `signal`, once it is aborted.
	 */
	async purgeDeleted(options: PurgeDeletedOptions): Promise<number> {
		const { scope, statements } = this.#tools;
		refuseTenants('purgeDeleted', scope);
		return purgeDeleted(statements, options);
	}

	/**
	 * Deletes earlier settings that are too many or too old, in batches. The log still says what was changed, when and by
	 * whom, but {@link revert} cannot go back that far.
	 *
	 * @returns How many were removed.
	 * @throws ValidationError if neither `keep` nor `olderThan` is given, or an option is not valid.
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws The reason of `signal`, once it is aborted.
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
