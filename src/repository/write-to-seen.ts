import { isSameSettings } from '../destinations/same-settings.ts';
import type { ValidatedUpdate } from '../destinations/validate.ts';
import type { SeenDestination } from '../encryption/seen-rows.ts';
import { validOrNone } from '../input/valid-or-none.ts';
import { changedFields } from './audit/settings-change.ts';
import type { DestinationTable, UpdatedOrRead } from './table.ts';

/**
 * Changes the settings of a destination to the version that this client saw last, without reading it first. Does nothing where
 * it was not seen, or not at the version that the caller expects, or where the ordinary way has the last word: the
 * changes are not valid, or the settings seem to be these already, which may not be so any more.
 */
export async function writeToSeen(
	table: DestinationTable,
	id: string,
	expectedVersion: number | undefined,
	changesTo: (before: SeenDestination) => ValidatedUpdate,
): Promise<UpdatedOrRead | undefined> {
	const seen = table.seen(id);
	if (seen === undefined || (expectedVersion ?? seen.version) !== seen.version) return undefined;
	const { organizationId, type, version } = seen;
	const valid = validOrNone(() => changesTo(seen));
	if (valid?.settings === undefined) return undefined;
	if (isSameSettings(type, seen.settings, valid.settings)) return undefined;
	const fields = changedFields(seen.settings, valid.settings);
	const target = { id, organizationId, type, version };
	return table.withSettingsChange({ id, version, fields }).updateOrRead(target, valid);
}
