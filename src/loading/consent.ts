import type { ConsentPurpose } from '../destinations/vocabulary.ts';
import { ValidationError } from '../errors.ts';

/**
 * The destinations that may get an event of a visitor: those of which the visitor consented to every required purpose.
 * `necessary` needs no consent.
 *
 * @param destinations - A list, as {@link DestinationsLoader.findEnabled} returns it.
 * @param granted - The purposes that the visitor consented to, as a list or a set.
 * @throws ValidationError if `destinations` is not a list of destinations, or `granted` is not a list or a set of purposes.
 * @example
 * ```ts
 * import { type DestinationsLoader, destinationsFor } from '@consent-io/destinations';
 *
 * declare const loader: DestinationsLoader;
 * declare const organizationId: string;
 *
 * const enabled = await loader.findEnabled(organizationId, 'production');
 * for (const destination of destinationsFor(enabled, ['measurement'])) console.log(destination.type);
 * ```
 */
export function destinationsFor<D extends { readonly requiredConsent: readonly ConsentPurpose[] }>(
	destinations: readonly D[],
	granted: Iterable<ConsentPurpose>,
): D[] {
	const purposes = purposesOf(granted);
	// Without types a caller may give anything, a list of something else too.
	try {
		if (Array.isArray(destinations)) {
			return destinations.filter(({ requiredConsent }: D) =>
				requiredConsent.every((purpose) => purposes.has(purpose)),
			);
		}
	} catch {}
	throw notA('destinations', 'a list of destinations');
}

function purposesOf(granted: Iterable<ConsentPurpose>): ReadonlySet<ConsentPurpose> {
	try {
		// A text would be a list of its letters.
		if (typeof granted === 'object' && granted !== null) return new Set(granted).add('necessary');
	} catch {}
	throw notA('granted', 'a list or a set of consent purposes');
}

function notA(name: string, expected: string): ValidationError {
	return new ValidationError([{ path: [name], message: `must be ${expected}` }]);
}
