import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { DecryptionFailedError, DestinationsError, NotFoundError } from '../errors.ts';
import type { ScopedPrismaClient } from '../prisma.ts';
import { noSuchDestination } from '../repository/translate-errors.ts';
import { type AuditEntry, type AuditRow, changesOf, toEntry } from './entry.ts';
import { checkLimit, cursorId, type Page, type PageOptions, pageOf } from './pages.ts';
import { changedFields } from './settings-change.ts';

/** A version of a destination: what led to it, and who. */
export interface DestinationVersion
	extends Pick<AuditEntry, 'action' | 'changes' | 'actorId' | 'recordedAt'> {
	/** Counts from 1. */
	readonly version: number;
	/**
	 * The names of the settings that changed; none for the first version. Null where some did and it is no
	 * longer known which: earlier settings are kept for a time only.
	 */
	readonly changedSettings: readonly string[] | null;
}

/** Entries that made a version; a test makes none, and after purging there is none. */
export const versionsOnly = { action: { notIn: ['tested', 'purged'] } };

/** The versions of a destination, the newest first. */
export async function readHistory(
	prisma: ScopedPrismaClient,
	encryption: SettingsEncryption,
	id: string,
	options: PageOptions,
): Promise<Page<DestinationVersion>> {
	const limit = checkLimit(options.limit);
	const before = options.cursor === undefined ? undefined : cursorId(options.cursor);
	const rows = await prisma.destinationAuditEntry.findMany({
		where: {
			destinationId: id,
			...versionsOnly,
			...(before === undefined ? {} : { id: { lt: before } }),
		},
		orderBy: { id: 'desc' },
		take: limit + 1,
	});
	if (rows.length === 0 && before === undefined && !(await exists(prisma, id))) {
		throw new NotFoundError(noSuchDestination(id));
	}
	const settings = new SettingsByVersion(prisma, encryption, id);
	await settings.load(rows.slice(0, limit));
	return pageOf(
		rows,
		limit,
		(row) => row.id.toString(),
		(row) => toVersion(row, settings),
	);
}

async function exists(prisma: ScopedPrismaClient, id: string): Promise<boolean> {
	return (await prisma.destination.withDeleted().count({ where: { id } })) > 0;
}

function toVersion(row: AuditRow, settings: SettingsByVersion): DestinationVersion {
	const { action, changes, actorId, recordedAt, settings: told } = toEntry(row);
	const { updatedBy: _, ...fields } = changes; // says what `actorId` says
	const version = row.version ?? 0; // only a key rotation, which is of no destination, has none
	const changed = told.changed && action !== 'created';
	const names = changed ? (settings.changedIn(version) ?? told.fields) : [];
	return {
		version,
		action,
		changes: fields,
		actorId,
		recordedAt,
		changedSettings: changed && names.length === 0 ? null : names,
	};
}

/** Earlier settings of a destination, opened, to compare one version's with the next. */
class SettingsByVersion {
	readonly #prisma: ScopedPrismaClient;
	readonly #encryption: SettingsEncryption;
	readonly #id: string;
	/** By the last version that had them. */
	readonly #replaced = new Map<number, object>();
	#current: object | undefined;

	constructor(prisma: ScopedPrismaClient, encryption: SettingsEncryption, id: string) {
		this.#prisma = prisma;
		this.#encryption = encryption;
		this.#id = id;
	}

	/** Reads what the entries, the newest first, replaced, and what they wrote: the next ones' replaced, or the current. */
	async load(rows: readonly AuditRow[]): Promise<void> {
		const changes = rows.flatMap((row) =>
			changesOf(row).settings === undefined || row.version === null ? [] : [row.version],
		);
		const [newest] = changes;
		const oldest = changes.at(-1);
		if (newest === undefined || oldest === undefined) return;
		const earlier = await this.#prisma.destinationSettingsVersion.findMany({
			where: { destinationId: this.#id, version: { gte: oldest - 1 } },
			orderBy: { version: 'asc' },
			take: changes.length + 1,
		});
		for (const row of earlier) {
			const settings = await unlessSealed(openEarlier(this.#encryption, row));
			if (settings !== undefined) this.#replaced.set(row.version, settings);
		}
		if (earlier.some(({ version }) => version >= newest)) return;
		const row = await unlessSealed(
			this.#prisma.destination
				.withDeleted()
				.findFirst({ where: { id: this.#id }, select: { settings: true } }),
		);
		this.#current = row?.settings;
	}

	/**
	 * Which settings a version changed; nothing where they are not there any more. The oldest go first, so
	 * where those before the version are there, those of the version are.
	 */
	changedIn(version: number): readonly string[] | undefined {
		const before = this.#replaced.get(version - 1);
		const next = [...this.#replaced.keys()].find((last) => last >= version);
		const after = next === undefined ? this.#current : this.#replaced.get(next);
		return before === undefined || after === undefined ? undefined : changedFields(before, after);
	}
}

type EarlierSettings = Awaited<
	ReturnType<ScopedPrismaClient['destinationSettingsVersion']['findFirstOrThrow']>
>;

/** Opens settings that were replaced: they stay bound to their destination. */
export async function openEarlier(
	encryption: SettingsEncryption,
	row: EarlierSettings,
): Promise<Record<string, unknown>> {
	const { settings, settingsEncrypted, organizationId, destinationId, type, version } = row;
	if (!settingsEncrypted) {
		// They were a destination's, whose CHECK asks for an object.
		if (encryption.plaintext === 'allow-read') return settings as Record<string, unknown>;
		throw new DecryptionFailedError(
			`The settings of version ${version} of destination ${destinationId} are not encrypted, and this client reads encrypted ones only.`,
		);
	}
	// The column's default: no settings yet.
	if (JSON.stringify(settings) === '{}') return {};
	return encryption.decrypt(settings, { organizationId, destinationId, type });
}

/** Nothing where settings do not open: what else the history tells is still to be read. */
async function unlessSealed<T>(opening: PromiseLike<T>): Promise<T | undefined> {
	try {
		return await opening;
	} catch (error) {
		if (error instanceof DestinationsError) return undefined;
		throw error;
	}
}
