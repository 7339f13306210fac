import { z } from 'zod';
import type { Field } from '../destinations/columns.ts';
import { environmentName, typeName } from '../destinations/input-schemas.ts';
import { listQuery } from '../destinations/list-query.ts';
import { ConnectionStatus, ConsentPurpose } from '../destinations/vocabulary.ts';
import { uuid } from '../input/checks.ts';

const numberOfText = (value: unknown) =>
	typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value;
const switchOfText = (value: unknown) =>
	value === 'true' || value === 'false' ? value === 'true' : value;

const { limit, enabled } = listQuery.shape;

/**
 * What `list()` takes, as a query string of a URL: `limit` and `enabled` may be strings.
 *
 * @example
 * ```ts
 * import { listDestinationsSchema } from '@consent-io/destinations/contracts';
 *
 * listDestinationsSchema.parse({ limit: '10', enabled: 'true' }); // { limit: 10, enabled: true, order: 'newest' }
 * ```
 */
export const listDestinationsSchema = listQuery.extend({
	limit: z.preprocess(numberOfText, limit),
	enabled: z.preprocess(switchOfText, enabled),
});

const time = z.iso.datetime();

/** The JSON of `redact(destination)`, which has masks instead of secrets. */
export const redactedDestinationSchema = z.object({
	id: uuid,
	organizationId: uuid,
	type: typeName,
	name: z.string(),
	description: z.string().nullable(),
	environment: environmentName,
	/** Null if the stored settings do not decrypt. */
	settings: z.record(z.string(), z.unknown()).nullable(),
	settingsEncrypted: z.boolean(),
	requiredConsent: z.array(z.enum(ConsentPurpose)),
	enabled: z.boolean(),
	testMode: z.boolean(),
	lastTestedAt: time.nullable(),
	connectionStatus: z.enum(ConnectionStatus),
	lastError: z.string().nullable(),
	deletedAt: time.nullable(),
	version: z.int().min(1),
	createdAt: time,
	updatedAt: time,
	createdBy: uuid.nullable(),
	updatedBy: uuid.nullable(),
	/** The code of the error, if the stored settings do not decrypt. */
	settingsError: z.enum(['DECRYPTION_FAILED', 'UNKNOWN_KEY', 'KEY_UNAVAILABLE']).optional(),
} satisfies Record<Field | 'settingsError', z.ZodType>);

/** A page as `list()` returns it, with items as in {@link redactedDestinationSchema}. */
export const destinationPageSchema = z.object({
	items: z.array(redactedDestinationSchema),
	nextCursor: z.string().nullable(),
});
