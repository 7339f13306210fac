import { isDeepStrictEqual } from 'node:util';
import { ValidationError } from '../errors.ts';
import type { DestinationType } from './registry.ts';
import { validateSettings } from './validate.ts';

/**
 * Whether settings to be written are those that are stored already, so that writing them would change nothing
 * but the ciphertext. Stored ones count as validation would write them today, with defaults that came later.
 *
 * @param stored in clear.
 * @param validated what `validateSettings` returned.
 */
export function isSameSettings(type: DestinationType, stored: unknown, validated: object): boolean {
	try {
		return isDeepStrictEqual(validateSettings(type, stored), validated);
	} catch (error) {
		// They were valid by the rules of their day, and a patch may have let them stand.
		if (error instanceof ValidationError) return isDeepStrictEqual(stored, validated);
		throw error;
	}
}
