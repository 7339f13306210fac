import { randomBytes } from 'node:crypto';

/**
 * A key ring with one random key, for the option `keys` of a client in a test.
 *
 * @example
 * ```ts
 * import { createDestinationsClient } from '@consent-io/destinations';
 * import { createTestKeys } from '@consent-io/destinations/testing';
 *
 * const db = createDestinationsClient({ keys: createTestKeys() });
 * ```
 */
export function createTestKeys(): string {
	// A random id too, so that two of them can stand in one key ring.
	return `test-${randomBytes(4).toString('hex')}:${randomBytes(32).toString('hex')}`;
}
