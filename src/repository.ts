import type { ConnectionTestOutcome } from './destinations/connection-test/outcome.ts';
import type {
	CreateDestinationInput,
	Destination,
	UpdateDestinationInput,
} from './destinations/destination.ts';
import type { DestinationType } from './destinations/registry.ts';
import { validateCreate, validateUpdate } from './destinations/validate.ts';
import type { Environment } from './destinations/vocabulary.ts';
import { ConflictError, ForbiddenError, NotFoundError, UnsupportedError } from './errors.ts';
import type { ScopedPrismaClient } from './prisma.ts';
import { type TestConnection, testSavedConnection } from './saved-connection-test.ts';
import { checkUuid, type Scope } from './tenancy/scope.ts';
import { noSuchDestination, translateErrors } from './translate-errors.ts';

/** The newest first, by the index for keyset pages. */
const newestFirst = [{ createdAt: 'desc' as const }, { id: 'desc' as const }];

/** How often a patch is tried again when others change the same row at the same time. */
const patchAttempts = 5;

/** Destinations, typed by `type`, with their settings in clear. Soft-deleted ones are hidden. */
export class DestinationRepository {
	readonly #prisma: ScopedPrismaClient;
	readonly #scope: Scope;
	readonly #test: TestConnection | undefined;

	/**
	 * @internal Use `forOrganization()` or `asService()`.
	 * @param test is left out inside a transaction, which would be held open while a provider is waited for.
	 */
	constructor(prisma: ScopedPrismaClient, scope: Scope, test?: TestConnection) {
		this.#prisma = prisma;
		this.#scope = scope;
		this.#test = test;
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
	 * Changes a destination. `settings` replaces all settings; {@link patchSettings} merges.
	 *
	 * @throws ValidationError if the changes are not valid for the destination's type.
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws AlreadyExistsError if the new environment has a live one of this type.
	 */
	async update(id: string, changes: UpdateDestinationInput): Promise<Destination> {
		const where = await this.#identify(id);
		return this.#write(where, validateUpdate(where.type, changes));
	}

	/**
	 * Changes some settings and keeps the others, so that a form that never got a secret need not send it
	 * back. A member that is `null` is removed, as in a JSON merge patch (RFC 7396).
	 *
	 * @throws ValidationError if the merged settings are not valid for the destination's type.
	 * @throws NotFoundError if there is no such destination, or none that the scope may see.
	 * @throws ConflictError if others keep changing it at the same time.
	 */
	async patchSettings(id: string, patch: Record<string, unknown>): Promise<Destination> {
		for (let attempt = 0; attempt < patchAttempts; attempt += 1) {
			const before = await this.findById(id);
			if (before === null) throw new NotFoundError(noSuchDestination(id));
			const settings = mergePatch(before.settings, patch);
			const { organizationId, type, version } = before;
			const changes = validateUpdate(type, { settings });
			try {
				return await this.#write({ id, organizationId, type, version }, changes);
			} catch (error) {
				// Changed, or gone, since it was read: the next attempt tells.
				if (!(error instanceof NotFoundError)) throw error;
			}
		}
		throw new ConflictError(
			`Destination ${id} kept changing while its settings were patched. Try again later.`,
		);
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

	/** What settings are sealed to. It never changes, so it may be read before the write. */
	async #identify(id: string): Promise<Identity> {
		const identity = await this.#prisma.destination.findUnique({
			where: { id: checkUuid('id', id) },
			select: { id: true, organizationId: true, type: true },
		});
		if (identity === null) throw new NotFoundError(noSuchDestination(id));
		return identity;
	}

	async #write(
		where: Identity & { version?: number },
		{ requiredConsent, ...fields }: ReturnType<typeof validateUpdate>,
	): Promise<Destination> {
		const data = {
			...fields,
			...(requiredConsent === undefined ? {} : { requiredConsent: [...requiredConsent] }),
		};
		const row = await translateErrors(this.#prisma.destination.update({ where, data }), where.id);
		return toDestination(row);
	}

	#refuseOthers(organizationId: string): void {
		const own = this.#scope.organizationId;
		if (own === undefined || own === organizationId.toLowerCase()) return;
		throw new ForbiddenError(
			'The call names another organization than that of its scope. Use forOrganization() with that organization, or asService().',
		);
	}
}

interface Identity {
	readonly id: string;
	readonly organizationId: string;
	readonly type: DestinationType;
}

type Row = Awaited<ReturnType<ScopedPrismaClient['destination']['findFirstOrThrow']>>;

/** Settings are validated by the row's type when they are written, so type and settings belong together. */
function toDestination(row: Row): Destination {
	return row as Destination;
}

function mergePatch(settings: object, patch: Record<string, unknown>): Record<string, unknown> {
	const merged: Record<string, unknown> = { ...settings };
	for (const [name, value] of Object.entries(patch)) {
		if (value === null) delete merged[name];
		else if (value !== undefined) merged[name] = value;
	}
	return merged;
}
