import { type DestinationVersion, readHistory } from './audit/history.ts';
import type { Page, PageOptions } from './audit/pages.ts';
import {
	type PruneOptions,
	type PurgeDeletedOptions,
	pruneSettingsHistory,
	purgeDeleted,
} from './audit/purge.ts';
import type { SettingsChange } from './audit/settings-change.ts';
import { type DestinationPageOptions, pageOfDestinations } from './destination-pages.ts';
import { DestinationWriter, toDestination, type WriteOptions } from './destination-writer.ts';
import type { ConnectionTestOutcome } from './destinations/connection-test/outcome.ts';
import type {
	CreateDestinationInput,
	Destination,
	UpdateDestinationInput,
} from './destinations/destination.ts';
import type { DestinationType } from './destinations/registry.ts';
import { validateCreate } from './destinations/validate.ts';
import type { Environment } from './destinations/vocabulary.ts';
import type { SettingsEncryption } from './encryption/settings-encryption.ts';
import { ConfigurationError, ForbiddenError, NotFoundError, UnsupportedError } from './errors.ts';
import type { ScopedPrismaClient } from './prisma.ts';
import { type TestConnection, testSavedConnection } from './saved-connection-test.ts';
import { checkUuid, type Scope } from './tenancy/scope.ts';
import { translateErrors } from './translate-errors.ts';

/** The newest first, by the index for keyset pages. */
const newestFirst = [{ createdAt: 'desc' as const }, { id: 'desc' as const }];

/** What the versions of a destination need beside the database. */
export interface VersionTools {
	/** Opens earlier settings. */
	readonly encryption: SettingsEncryption;
	/** Left out inside a transaction, whose context is fixed: the log is told no names of settings there. */
	readonly telling?: (change: SettingsChange) => ScopedPrismaClient;
}

/** Destinations, typed by `type`, with their settings in clear. Soft-deleted ones are hidden. */
export class DestinationRepository {
	readonly #prisma: ScopedPrismaClient;
	readonly #scope: Scope;
	readonly #test: TestConnection | undefined;
	readonly #tools: VersionTools | undefined;
	readonly #writer: DestinationWriter;

	/**
	 * @internal Use `forOrganization()` or `asService()`.
	 * @param test is left out inside a transaction, which would be held open while a provider is waited for.
	 */
	constructor(
		prisma: ScopedPrismaClient,
		scope: Scope,
		test?: TestConnection,
		tools?: VersionTools,
	) {
		this.#prisma = prisma;
		this.#scope = scope;
		this.#test = test;
		this.#tools = tools;
		this.#writer = new DestinationWriter(prisma, tools?.telling);
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
		const { requiredConsent, ...fields } = validateCreate(input);
		this.#refuseOthers(fields.organizationId);
		const row = await translateErrors(
			this.#prisma.destination.create({
				data: {
					...fields,
					...(requiredConsent === undefined ? {} : { requiredConsent: [...requiredConsent] }),
				},
			}),
		);
		return toDestination(row) as Extract<Destination, { type: T }>; // created with this type
	}

	/**
	 * The destination of this id, or null where there is none that the scope may see.
	 *
	 * @throws ValidationError if the id is not a UUID.
	 */
	async findById(id: string): Promise<Destination | null> {
		const row = await this.#prisma.destination.findUnique({ where: { id: checkUuid('id', id) } });
		return row === null ? null : toDestination(row);
	}

	/**
	 * An organization's destinations, the newest first.
	 *
	 * @throws ForbiddenError if the organization is not the scope's.
	 */
	async findByOrganization(
		organizationId: string,
		environment?: Environment,
	): Promise<Destination[]> {
		this.#refuseOthers(checkUuid('organizationId', organizationId));
		return this.#find({ organizationId, ...(environment === undefined ? {} : { environment }) });
	}

	/** The scope's destinations of a type, the newest first. */
	async findByType(type: DestinationType, environment?: Environment): Promise<Destination[]> {
		return this.#find({ type, ...(environment === undefined ? {} : { environment }) });
	}

	/**
	 * A page of live destinations, the newest first.
	 *
	 * @throws ForbiddenError if the organization is not the scope's.
	 * @throws ValidationError if the cursor or the limit is none.
	 * @throws NotFoundError if the destination that the cursor stands at was purged meanwhile.
	 */
	async list(options: DestinationPageOptions = {}): Promise<Page<Destination>> {
		const { organizationId } = options;
		if (organizationId !== undefined) {
			this.#refuseOthers(checkUuid('organizationId', organizationId));
		}
		return pageOfDestinations(this.#prisma, this.#scope, options);
	}

	/**
	 * Changes a destination. `settings` replaces all settings; {@link patchSettings} merges.
	 *
	 * @throws ValidationError if the changes are not valid for the destination's type.
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws AlreadyExistsError if the new environment has a live one of this type.
	 * @throws ConflictError if it is at another version than `expectedVersion`; `currentVersion` says which.
	 */
	async update(
		id: string,
		changes: UpdateDestinationInput,
		options: WriteOptions = {},
	): Promise<Destination> {
		return this.#writer.update(id, changes, options);
	}

	/**
	 * Changes some settings and keeps the others, so that a form that never got a secret need not send it
	 * back. A member that is `null` is removed, as in a JSON merge patch (RFC 7396).
	 *
	 * @throws ValidationError if the merged settings are not valid for the destination's type.
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws ConflictError if it is at another version than `expectedVersion`, or, without one, if others
	 * keep changing it at the same time.
	 */
	async patchSettings(
		id: string,
		patch: Record<string, unknown>,
		options: WriteOptions = {},
	): Promise<Destination> {
		return this.#writer.patch(id, patch, options);
	}

	/**
	 * The versions of a destination, the newest first: what changed, when, and who did it. Of settings, only
	 * their names. Deleted destinations have theirs too.
	 *
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
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
		return readHistory(this.#prisma, this.#encryption(), checkUuid('id', id), options);
	}

	/**
	 * Makes a destination what it was at a version, settings included, as a new version. A deleted one must
	 * be restored first.
	 *
	 * @throws NotFoundError if there is no such destination or version, or its settings are kept no longer.
	 * @throws ValidationError if what it was is not valid any more.
	 * @throws AlreadyExistsError if the environment it was in has a live one of this type.
	 * @throws ConflictError as {@link patchSettings}.
	 */
	async revert(id: string, version: number, options: WriteOptions = {}): Promise<Destination> {
		return this.#writer.revert(id, version, this.#encryption(), options);
	}

	/**
	 * Deletes a destination so that {@link restore} can bring it back.
	 *
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 */
	async softDelete(id: string): Promise<void> {
		const where = { id: checkUuid('id', id) };
		await translateErrors(this.#prisma.destination.delete({ where, select: { id: true } }), id);
	}

	/**
	 * Brings a deleted destination back.
	 *
	 * @throws NotFoundError if there is no deleted destination of this id, or none that the scope may see.
	 * @throws AlreadyExistsError if its organization has a live one of this type and environment meanwhile.
	 */
	async restore(id: string): Promise<void> {
		const where = { id: checkUuid('id', id) };
		await translateErrors(this.#prisma.destination.restore({ where, select: { id: true } }), id);
	}

	/**
	 * Removes a soft-deleted destination for good, its earlier settings with it. The log keeps that it was.
	 *
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws NotFoundError if there is no deleted destination of this id.
	 */
	async purge(id: string): Promise<void> {
		this.#refuseTenants('purge');
		const count = await this.#prisma.destination.purge({ where: { id: checkUuid('id', id) } });
		if (count === 0) {
			throw new NotFoundError(
				`There is no deleted destination ${id}. Delete it before purging it.`,
			);
		}
	}

	/**
	 * Purges what was soft-deleted before a date, in batches; gives how many.
	 *
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws The reason of `signal`, once that is aborted.
	 */
	async purgeDeleted(options: PurgeDeletedOptions): Promise<number> {
		this.#refuseTenants('purgeDeleted');
		return purgeDeleted(this.#prisma, options);
	}

	/**
	 * Deletes earlier settings that are too many or too old, in batches; gives how many. What was changed,
	 * when and by whom stays in the log; only {@link revert} cannot go back that far.
	 *
	 * @throws ForbiddenError in the scope of an organization.
	 * @throws The reason of `signal`, once that is aborted.
	 */
	async pruneSettingsHistory(options: PruneOptions): Promise<number> {
		this.#refuseTenants('pruneSettingsHistory');
		return pruneSettingsHistory(this.#prisma, options);
	}

	/**
	 * Asks the provider whether it accepts the destination's settings, and saves what it says in
	 * `connectionStatus`, `lastTestedAt` and `lastError`. {@link testConnectionOutcome} tells more.
	 *
	 * @returns Whether the destination can be used. False too where the provider gave no usable answer.
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 */
	async testConnection(id: string): Promise<boolean> {
		return (await this.testConnectionOutcome(id)).ok;
	}

	/**
	 * {@link testConnection} with everything that was found out. A test takes 10 seconds at most. If others
	 * test the same destination at the same time, the provider is asked once.
	 *
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws UnsupportedError inside a transaction, which would be held open meanwhile.
	 * @throws The reason of `signal`, once that is aborted; the status is `unknown` then.
	 */
	async testConnectionOutcome(
		id: string,
		options: { readonly signal?: AbortSignal | undefined } = {},
	): Promise<ConnectionTestOutcome> {
		return testSavedConnection(
			this.#prisma,
			checkUuid('id', id),
			this.#outsideTransaction(),
			options.signal,
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
		options: { readonly signal?: AbortSignal | undefined } = {},
	): Promise<ConnectionTestOutcome> {
		return this.#outsideTransaction()(type, settings, options.signal);
	}

	#outsideTransaction(): TestConnection {
		if (this.#test !== undefined) return this.#test;
		throw new UnsupportedError(
			'A connection test waits for a provider, and would hold the transaction open. Test outside it.',
		);
	}

	async #find(where: {
		organizationId?: string;
		type?: DestinationType;
		environment?: Environment;
	}): Promise<Destination[]> {
		const { organizationId } = this.#scope;
		const rows = await this.#prisma.destination.findMany({
			// Row level security is the wall; naming the organization too lets the planner use its index.
			where: organizationId === undefined ? where : { ...where, organizationId },
			orderBy: newestFirst,
		});
		return rows.map(toDestination);
	}

	#encryption(): SettingsEncryption {
		if (this.#tools !== undefined) return this.#tools.encryption;
		throw new ConfigurationError('This repository was made without keys for earlier settings.');
	}

	#refuseTenants(method: string): void {
		if (this.#scope.organizationId === undefined) return;
		throw new ForbiddenError(`${method}() is for asService() alone: it removes for good.`);
	}

	#refuseOthers(organizationId: string): void {
		const own = this.#scope.organizationId;
		if (own === undefined || own === organizationId.toLowerCase()) return;
		throw new ForbiddenError(
			'The call names another organization than that of its scope. Use forOrganization() with that organization, or asService().',
		);
	}
}
