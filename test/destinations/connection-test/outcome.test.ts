import { connectionStatusOf } from '../../../src/destinations/connection-test/outcome.ts';

it.each([
	['verified', 'connected'],
	['partial', 'connected'],
	['failed', 'failed'],
	['inconclusive', 'unknown'],
] as const)('%s is stored as %s', (verdict, status) => {
	expect(connectionStatusOf(verdict)).toBe(status);
});
