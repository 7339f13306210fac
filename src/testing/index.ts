/**
 * For the tests of services that use this package: a real, migrated Postgres, and destinations to put into it.
 *
 * @module
 */
export {
	startTestDatabase,
	type TestDatabase,
	type TestDatabaseOptions,
} from './test-database.ts';
export { createTestDestination } from './test-destination.ts';
export { createTestKeys } from './test-keys.ts';
export type { TestLogins } from './test-logins.ts';
