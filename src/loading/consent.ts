import type { ConsentPurpose } from '../destinations/vocabulary.ts';
import { ValidationError } from '../errors.ts';

/**
 * The destinations that may get a visitor's event: those whose every required purpose the visitor consented to.
 * `necessary` needs no consent.
 *
 * @param granted - What the visitor consented to, as a list or a set.
 * @throws ValidationError if `granted` is neither.
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
	const purposes = new Set<ConsentPurpose>(listed(granted));
	purposes.add('necessary');
	return destinations.filter(({ requiredConsent }) =>
		requiredConsent.every((purpose) => purposes.has(purpose)),
	);
}

function listed(granted: Iterable<ConsentPurpose>): Iterable<ConsentPurpose> {
	// Whatever a caller without types gives. A text is a list of its letters.
	const given: unknown = granted;
	if (typeof given === 'object' && given !== null && Symbol.iterator in given) return granted;
	throw new ValidationError([
		{ path: ['granted'], message: 'must be a list or a set of consent purposes' },
	]);
}
