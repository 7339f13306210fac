/**
 * What TypeScript knows of destinations made for tests. There is nothing to run: `npm run types` checks it,
 * and an expected error that does not come is an error.
 */
import type { Destination, DestinationOf, DestinationsClient } from '../../src/index.ts';
import { createTestDestination } from '../../src/testing/index.ts';

declare const db: DestinationsClient;
/** Takes a value of exactly this type. */
declare function expectType<T>(): <U>(
	value: U,
	...same: (<X>() => X extends T ? 1 : 2) extends <X>() => X extends U ? 1 : 2 ? [] : [never]
) => void;

export async function destinationsAreTypedByType(): Promise<void> {
	expectType<DestinationOf<'posthog'>>()(await createTestDestination(db));
	const pixel = await createTestDestination(db, { type: 'meta-pixel', enabled: false });
	expectType<DestinationOf<'meta-pixel'>>()(pixel);
	expectType<string>()(pixel.settings.pixelId);
	// @ts-expect-error: another type's setting.
	pixel.settings.apiKey;
	const one: Destination = pixel;
	await createTestDestination(db, { organizationId: one.organizationId });
}

export async function settingsFitTheType(): Promise<void> {
	await createTestDestination(db, { type: 'mixpanel', settings: { projectToken: '' } });
	// @ts-expect-error: PostHog's settings in a Mixpanel destination.
	await createTestDestination(db, { type: 'mixpanel', settings: { apiKey: '' } });
	// @ts-expect-error: without a type it is PostHog's.
	await createTestDestination(db, { settings: { projectToken: '' } });
	// @ts-expect-error: there is no such type.
	await createTestDestination(db, { type: 'unknown' });
}
