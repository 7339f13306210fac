import { randomBytes, randomInt } from 'node:crypto';
import type { DestinationsClient } from '../client.ts';
import type {
	CreateDestinationInput,
	CreateDestinationInputOf,
	DestinationOf,
} from '../destinations/destination.ts';
import type { DestinationType, SettingsInputOf } from '../destinations/registry.ts';

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
 * Creates a destination, of PostHog unless a type is named, in a new organization unless one is named, with
 * valid settings of random keys unless they are given. An organization has one live destination of a type in
 * an environment.
 *
 * @throws what `create` of the repository throws.
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
	// Where no type is named, T is its default.
	const type = input.type ?? ('posthog' as T);
	const organizationId = input.organizationId ?? (await createOrganization(db));
	// The database writes who acts as the creator, whatever else is given.
	const scope = input.createdBy === undefined ? {} : { actorId: input.createdBy };
	const made = await db.forOrganization(organizationId, scope).destinations.create({
		name: `Test ${type}`,
		settings: newSettings[type](),
		...input,
		type,
		organizationId,
		// That settings and type are of one type, here and in what comes back, the compiler cannot follow.
	} as CreateDestinationInput);
	return made as DestinationOf<T>;
}

async function createOrganization(db: DestinationsClient): Promise<string> {
	const { id } = await db.asService().prisma.organization.create({ data: {} });
	return id;
}
