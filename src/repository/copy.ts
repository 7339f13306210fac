import type { Destination } from '../destinations/destination.ts';
import { settingsError } from '../destinations/unopened.ts';
import { type ValidatedUpdate, validateCreate, validateUpdate } from '../destinations/validate.ts';
import type { Environment } from '../destinations/vocabulary.ts';
import { AlreadyExistsError, ConflictError, NotFoundError, ValidationError } from '../errors.ts';
import { flag } from '../input/checks.ts';
import type { OptionSchemas } from '../input/options.ts';
import { type Before, conflict, findExisting, identifyExisting } from './existing.ts';
import { type OrganizationOptions, organizationOptions } from './organization.ts';
import type { DestinationTable, Original } from './table.ts';
import { untilWon } from './until-won.ts';

/** Options of a copy. */
export interface CopyOptions extends OrganizationOptions {
	/**
	 * Whether to overwrite a live destination of the same type in the other environment, as a new version of it.
	 *
	 * @defaultValue `false`: the call fails with `ALREADY_EXISTS`
	 */
	readonly overwrite?: boolean | undefined;
}

export const copyOptions = organizationOptions.extend({
	overwrite: flag.optional(),
} satisfies Omit<OptionSchemas<CopyOptions>, keyof OrganizationOptions>);

/** Writes the changes that make a destination a copy. Nothing where either of the two changed meanwhile. */
type Overwrite = (
	there: Before,
	changes: ValidatedUpdate,
	original: Original,
) => Promise<Destination>;

/**
 * Copies a destination to another environment, by one statement that writes nothing where the original is not what was
 * read any more. So it is never a mix of two versions, and no lock is held while a key provider is asked.
 *
 * What comes to be is judged as a whole, by the rules of today and of where it comes to be.
 */
export async function copyDestination(
	table: DestinationTable,
	id: string,
	environment: Environment,
	overwrite: Overwrite | undefined,
): Promise<Destination> {
	const isLost = (error: unknown) =>
		error instanceof ConflictError ||
		(overwrite !== undefined && error instanceof AlreadyExistsError);
	return untilWon(async () => {
		const original = await findExisting(table, id);
		if (original.environment === environment) throw isThereAlready();
		const { organizationId, type, name, description, settings } = original;
		const { requiredConsent, enabled, testMode } = original;
		const fields = { name, description, requiredConsent, enabled, testMode, settings };
		const there = overwrite && (await findThere(table, { organizationId, type, environment }));
		if (overwrite && there) {
			const changes = validateUpdate(type, fields, environment);
			return await overwrite(there, changes, original).catch((error: unknown) => {
				// It went: then there is another one by now, or room for a new one.
				throw error instanceof NotFoundError ? conflict(there) : error;
			});
		}
		const input = validateCreate({ organizationId, type, environment, ...fields });
		const made = await table.insertCopy(input, original);
		if (made === undefined) throw conflict(await identifyExisting(table, id));
		return made;
	}, isLost);
}

function isThereAlready(): ValidationError {
	const message = 'is the environment that the destination is in: name another one';
	return new ValidationError([{ path: ['environment'], message }]);
}

/** The live destination in whose place a copy would come; without its settings, where these do not decrypt. */
async function findThere(
	table: DestinationTable,
	place: Pick<Destination, 'organizationId' | 'type' | 'environment'>,
): Promise<Before | undefined> {
	const [there] = await table.find(place);
	if (there === undefined || settingsError(there) === undefined) return there;
	const { id, organizationId, type, version } = there;
	return { id, organizationId, type, version };
}
