import { z } from 'zod';
import { flag, requiredInput, uuid } from '../input/checks.ts';
import { fields } from './columns.ts';
import { oneOf } from './fields.ts';
import { destinationTypes } from './registry.ts';
import { ConsentPurpose, Environment } from './vocabulary.ts';

const NAME_EXPECTED = 'must have 1 to 255 characters, without control characters';

/** With the `u` flag the pattern counts characters as Postgres's varchar(255) does, and sees lone surrogates. */
export const nameText = z
	.string({ error: requiredInput(NAME_EXPECTED) })
	.trim()
	.regex(/^[^\p{Cc}\p{Cs}]{1,255}$/u, { error: NAME_EXPECTED });

const DESCRIPTION_EXPECTED = 'must be text of at most 5000 characters, or null';

/** The column is unlimited; the cap keeps lists of destinations from growing without bound. */
const description = z
	.string({ error: DESCRIPTION_EXPECTED })
	.trim()
	.regex(/^(?:[^\p{Cc}\p{Cs}]|[\t\n\r]){0,5000}$/u, { error: DESCRIPTION_EXPECTED })
	.nullable()
	// An empty input of a form.
	.transform((text) => (text === '' ? null : text));

const purposes = Object.values(ConsentPurpose);
const PURPOSES_EXPECTED = `must be a list of ${purposes.join(', ')}`;

const maxPurposes = 50;

/** A set, so duplicates are dropped; the order is kept. The cap is looked at before the elements are. */
const requiredConsent = z
	.preprocess(
		(value) => (Array.isArray(value) && value.length > maxPurposes ? null : value),
		z.array(oneOf(purposes), { error: PURPOSES_EXPECTED }).max(maxPurposes),
	)
	.transform((list) => [...new Set(list)]);

export const environmentName = oneOf(Object.values(Environment));
export const typeName = oneOf(destinationTypes);

const changeable = {
	name: nameText.optional(),
	description: description.optional(),
	environment: environmentName.optional(),
	requiredConsent: requiredConsent.optional(),
	enabled: flag.optional(),
	testMode: flag.optional(),
};

/** What an update may change, besides the settings, which are checked by the schema of their type. */
export const updateFields = z.strictObject(changeable);

/** What a destination is created from, besides the settings. What is left out, the database has a default for. */
export const createFields = z.strictObject({
	organizationId: uuid,
	type: typeName,
	...changeable,
	name: nameText,
	createdBy: uuid.optional(),
});

/** Fields that an update may change, besides the settings. */
export const changeableFields: readonly string[] = Object.keys(changeable);

/** Fields of a destination that an update cannot change. */
export const fixedFields: ReadonlySet<string> = new Set(
	fields.filter((field) => field !== 'settings' && !changeableFields.includes(field)),
);
