import fc from 'fast-check';
import type { Call } from './model.ts';

/** A call alone, or several in a transaction. */
export type Step = Call | { readonly kind: 'transaction'; readonly calls: readonly Call[] };

/** Mostly one that there is: the first are made soon. */
const row = fc.oneof(
	{ weight: 4, arbitrary: fc.nat({ max: 1 }) },
	{ weight: 1, arbitrary: fc.nat({ max: 5 }) },
);
const behind = fc.option(fc.nat({ max: 1 }), { nil: undefined });
const secret = fc.constantFrom('a', 'b');
const changes = fc.record(
	{ name: fc.constantFrom('One', 'Two'), enabled: fc.boolean(), secret },
	{ requiredKeys: [] },
);
const call: fc.Arbitrary<Call> = fc.oneof(
	fc.record({
		kind: fc.constant('create' as const),
		type: fc.constantFrom('posthog' as const, 'mixpanel' as const),
		environment: fc.constantFrom('production' as const, 'staging' as const),
		name: fc.constantFrom('One', 'Two', ' '),
		secret,
	}),
	fc.record({ kind: fc.constant('update' as const), row, changes }),
	fc.record({
		kind: fc.constant('update-version' as const),
		row,
		changes,
		behind: fc.nat({ max: 1 }),
	}),
	fc.record({ kind: fc.constant('delete' as const), row, behind }),
	fc.record({ kind: fc.constant('restore' as const), row, behind }),
);

/** What a caller does. */
export const step: fc.Arbitrary<Step> = fc.oneof(
	{ weight: 4, arbitrary: call },
	{
		weight: 1,
		arbitrary: fc.record({
			kind: fc.constant('transaction' as const),
			calls: fc.array(call, { minLength: 1, maxLength: 4 }),
		}),
	},
);
