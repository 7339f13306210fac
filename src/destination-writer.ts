import { changesBackTo } from './audit/revert.ts';
import { changedFields, type SettingsChange } from './audit/settings-change.ts';
import type { Destination, UpdateDestinationInput } from './destinations/destination.ts';
import type { DestinationType } from './destinations/registry.ts';
import { validateUpdate } from './destinations/validate.ts';
import type { SettingsEncryption } from './encryption/settings-encryption.ts';
import { ConflictError, DestinationsError, NotFoundError, ValidationError } from './errors.ts';
import type { ScopedPrismaClient } from './prisma.ts';
import { checkUuid } from './tenancy/scope.ts';
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

/** How often a change is tried again when others change the same row at the same time. */
const attempts = 5;

/** What never changes of a row, and what an update takes for granted. */
interface Target {
	readonly id: string;
	readonly organizationId: string;
	readonly type: DestinationType;
	readonly version?: number;
}

/** Changes destinations that are there. */
export class DestinationWriter {
	readonly #prisma: ScopedPrismaClient;
	readonly #telling: (change: SettingsChange) => ScopedPrismaClient;

	/** @param telling gives the client that tells the log which settings an update changes. */
	constructor(
		prisma: ScopedPrismaClient,
		telling: (change: SettingsChange) => ScopedPrismaClient = () => prisma,
	) {
		this.#prisma = prisma;
		this.#telling = telling;
	}

	async update(
		id: string,
		changes: UpdateDestinationInput,
		{ expectedVersion }: WriteOptions,
	): Promise<Destination> {
		const target = await this.#identify(id);
		const expected = checkVersion('expectedVersion', expectedVersion);
		const valid = validateUpdate(target.type, changes);
		const change =
			valid.settings === undefined ? undefined : await this.#compare(id, valid.settings);
		return this.#write(
			expected === undefined ? target : { ...target, version: expected },
			valid,
			change,
		);
	}

	async patch(
		id: string,
		patch: Record<string, unknown>,
		{ expectedVersion }: WriteOptions,
	): Promise<Destination> {
		const expected = checkVersion('expectedVersion', expectedVersion);
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
		{ expectedVersion }: WriteOptions,
	): Promise<Destination> {
		checkVersion('version', version);
		const expected = checkVersion('expectedVersion', expectedVersion);
		return this.#retry(expected, async () => {
			const before = await this.#find(id);
			if (expected !== undefined && expected !== before.version) throw conflict(before);
			const changes = await changesBackTo(this.#prisma, encryption, before.id, version);
			return this.#writeTo(before, changes);
		});
	}

	/** Writes to the version that was read; what its settings become is compared with what they are. */
	#writeTo(before: Destination, changes: UpdateDestinationInput): Promise<Destination> {
		const { id, organizationId, type, version } = before;
		const valid = validateUpdate(type, changes);
		const change =
			valid.settings === undefined
				? undefined
				: { id, version, fields: changedFields(before.settings, valid.settings) };
		return this.#write({ id, organizationId, type, version }, valid, change);
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
		where: Target,
		{ requiredConsent, ...fields }: ReturnType<typeof validateUpdate>,
		change: SettingsChange | undefined,
	): Promise<Destination> {
		const data = {
			...fields,
			...(requiredConsent === undefined ? {} : { requiredConsent: [...requiredConsent] }),
		};
		const prisma = change === undefined ? this.#prisma : this.#telling(change);
		try {
			const row = await translateErrors(prisma.destination.update({ where, data }), where.id);
			return toDestination(row);
		} catch (error) {
			// Changed, or gone, since it was read.
			if (!(error instanceof NotFoundError) || where.version === undefined) throw error;
			throw conflict(await this.#version(where.id), error);
		}
	}

	/** What settings are sealed to. It never changes, so it may be read before the write. */
	async #identify(id: string): Promise<Target> {
		const identity = await this.#prisma.destination.findUnique({
			where: { id: checkUuid('id', id) },
			select: { id: true, organizationId: true, type: true },
		});
		if (identity === null) throw new NotFoundError(noSuchDestination(id));
		return identity;
	}

	/** Nothing where the settings that are there do not open: they can be replaced all the same. */
	async #compare(id: string, after: object): Promise<SettingsChange | undefined> {
		try {
			const { version, settings } = await this.#find(id);
			return { id: id.toLowerCase(), version, fields: changedFields(settings, after) };
		} catch (error) {
			if (error instanceof DestinationsError) return undefined;
			throw error;
		}
	}

	async #find(id: string): Promise<Destination> {
		const row = await this.#prisma.destination.findUnique({ where: { id: checkUuid('id', id) } });
		if (row === null) throw new NotFoundError(noSuchDestination(id));
		return toDestination(row);
	}

	async #version(id: string): Promise<{ id: string; version: number }> {
		const row = await this.#prisma.destination.findUnique({
			where: { id },
			select: { id: true, version: true },
		});
		if (row === null) throw new NotFoundError(noSuchDestination(id));
		return row;
	}
}

function conflict({ id, version }: { id: string; version: number }, cause?: unknown) {
	return new ConflictError(
		`Destination ${id} was changed meanwhile and is at version ${version}. Read it again before changing it.`,
		{ currentVersion: version, ...(cause === undefined ? {} : { cause }) },
	);
}

function checkVersion<V extends number | undefined>(name: string, version: V): V {
	if (version === undefined || (Number.isInteger(version) && version >= 1 && version < 2 ** 31)) {
		return version;
	}
	throw new ValidationError([{ path: [name], message: 'must be a whole number from 1 on' }]);
}

type Row = Awaited<ReturnType<ScopedPrismaClient['destination']['findFirstOrThrow']>>;

/** Settings are validated by the row's type when they are written, so type and settings belong together. */
export function toDestination(row: Row): Destination {
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
