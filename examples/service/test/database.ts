import { startTestDatabase } from '@consent-io/destinations/testing';

/**
 * One for all test files, which run in one process, one after the other (see vitest.config.ts). It stops when
 * that process ends.
 */
export const database = await startTestDatabase();
