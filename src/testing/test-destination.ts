import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import type { DestinationsClient } from '../client/client.ts';
import type {
	CreateDestinationInput,
	CreateDestinationInputOf,
	DestinationOf,
} from '../destinations/destination.ts';
import {
	type DestinationType,
	isDestinationType,
	type SettingsInputOf,
} from '../destinations/registry.ts';
import { fieldsOf, validateCreate } from '../destinations/validate.ts';
import { createOrganization } from './test-organization.ts';

const hex = (bytes: number) => randomBytes(bytes).toString('hex');

/** Settings that are valid and belong to nobody, in the form of each provider's own. */
const newSettings: { readonly [T in DestinationType]: () => SettingsInputOf<T> } = {
	posthog: () => ({ apiKey: `phc_${hex(20)}` }),
	'meta-pixel': () => ({
		pixelId: String(randomInt(10 ** 14, 10 ** 14 * 2)),
		accessToken: `EAA${hex(40)}`,
	}),
	'google-analytics': () => ({
		measurementId: `G-${hex(5).toUpperCase()}`,
		apiSecret: hex(11),
	}),
	console: () => ({}),
	mixpanel: () => ({ projectToken: hex(16) }),
	amplitude: () => ({ apiKey: hex(16), secretKey: hex(16) }),
};

/**
 * Creates a destination for a test. By default it is of type `posthog`, in a new organization, with valid settings and
 * random keys. An organization has one live destination of a type in an environment. If `organizations` is a table of your
 * own, columns that must have a value get one.
 *
 * @throws ConfigurationError if the organization needs more than that. Then create it yourself, and pass its
 * `organizationId`.
 * @throws Whatever `create` of the repository throws. If the input is not valid, no organization is created.
 *
 * @example
 * ```ts
 * import type { DestinationsClient } from '@consent-io/destinations';
 * import { createTestDestination } from '@consent-io/destinations/testing';
 *
 * declare const db: DestinationsClient;
 *
 * const pixel = await createTestDestination(db, { type: 'meta-pixel', enabled: false });
 * pixel.settings.pixelId; // typed by type
 * const { organizationId } = pixel;
 * const beside = await createTestDestination(db, { organizationId });
 * ```
 */
export async function createTestDestination<T extends DestinationType = 'posthog'>(
	db: DestinationsClient,
	input: Partial<CreateDestinationInputOf<T>> = {},
): Promise<DestinationOf<T>> {
	// A copy of what is a plain object; `validateCreate` checks the fields.
	const given = fieldsOf(input) as Partial<CreateDestinationInputOf<T>>;
	// Where no type is named, T is its default.
	const { type = 'posthog' as T, organizationId = randomUUID() } = given;
	const whole = {
		name: `Test ${type}`,
		settings: isDestinationType(type) ? newSettings[type]() : undefined,
		...given,
		type,
		organizationId,
		// That settings and type are of one type, here and in what comes back, the compiler cannot follow.
	} as CreateDestinationInput;
	// Before there is an organization for it.
	validateCreate(whole);
	if (given.organizationId === undefined) {
		await createOrganization(db, organizationId);
	}
	// The database writes who acts as the creator, whatever else is given.
	const scope = given.createdBy === undefined ? {} : { actorId: given.createdBy };
	return (await db
		.forOrganization(organizationId, scope)
		.destinations.create(whole)) as DestinationOf<T>;
}
