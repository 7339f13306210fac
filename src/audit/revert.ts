import type { UpdateDestinationInput } from '../destinations/destination.ts';
import type { SettingsEncryption } from '../encryption/settings-encryption.ts';
import { NotFoundError } from '../errors.ts';
import type { ScopedPrismaClient } from '../prisma.ts';
import { changesOf, fieldName } from './entry.ts';
import { openEarlier, versionsOnly } from './history.ts';

/** Columns that a version is made of, besides settings. Whether it is deleted is not among them. */
const columns = [
	'name',
	'description',
	'environment',
	'required_consent',
	'enabled',
	'test_mode',
] as const;

/**
 * The update that makes a destination what it was at a version: the first `old` of each field that
 * changed since, and the settings that were replaced first.
 *
 * @throws NotFoundError if there was no such version, or its settings are kept no longer.
 */
export async function changesBackTo(
	prisma: ScopedPrismaClient,
	encryption: SettingsEncryption,
	id: string,
	version: number,
): Promise<UpdateDestinationInput> {
	const [wanted, ...since] = await prisma.destinationAuditEntry.findMany({
		where: { destinationId: id, version: { gte: version }, ...versionsOnly },
		orderBy: { id: 'asc' },
	});
	if (wanted?.version !== version) {
		throw new NotFoundError(`Destination ${id} has no version ${version} in its history.`);
	}
	const changes: Record<string, unknown> = {};
	let replaced: number | undefined;
	for (const entry of since) {
		const { settings, ...others } = changesOf(entry);
		for (const column of columns) {
			const change = others[column];
			const field = fieldName(column);
			if (change !== undefined && !Object.hasOwn(changes, field)) changes[field] = change.old;
		}
		if (settings !== undefined && entry.version !== null) replaced ??= entry.version - 1;
	}
	if (replaced !== undefined) {
		changes.settings = await settingsOf(prisma, encryption, id, replaced);
	}
	return changes as UpdateDestinationInput; // validated by whoever writes it
}

async function settingsOf(
	prisma: ScopedPrismaClient,
	encryption: SettingsEncryption,
	id: string,
	version: number,
): Promise<Record<string, unknown>> {
	const row = await prisma.destinationSettingsVersion.findFirst({
		where: { destinationId: id, version },
	});
	if (row !== null) return openEarlier(encryption, row);
	throw new NotFoundError(
		`The settings that destination ${id} had at version ${version} are kept no longer.`,
	);
}
