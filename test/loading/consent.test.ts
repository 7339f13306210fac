import { ConsentPurpose, destinationsFor } from '../../src/index.ts';

const purposes = Object.values(ConsentPurpose);
const subsets = purposes.reduce<ConsentPurpose[][]>(
	(sets, purpose) => sets.concat(sets.map((set) => set.concat(purpose))),
	[[]],
);

test('a destination gets an event if the visitor consented to all that it requires, necessary aside', () => {
	const destinations = subsets.map((requiredConsent) => ({ requiredConsent }));
	for (const granted of subsets) {
		const allowed = destinations.filter(({ requiredConsent }) =>
			requiredConsent.every((purpose) => purpose === 'necessary' || granted.includes(purpose)),
		);
		expect(destinationsFor(destinations, granted)).toEqual(allowed);
		expect(destinationsFor(destinations, new Set(granted))).toEqual(allowed);
	}
});

const refusal = (name: string, message: string) =>
	expect.objectContaining({
		code: 'VALIDATION',
		issues: [expect.objectContaining({ path: [name], message })],
	});

test('what is no list of destinations is refused', () => {
	const like = { filter: () => [] };
	for (const destinations of [
		...[null, {}, 'x', like, [null], [{}]],
		[{ requiredConsent: 'marketing' }],
	]) {
		expect(() => destinationsFor(destinations as never, ['marketing'])).toThrow(
			refusal('destinations', 'must be a list of destinations'),
		);
	}
});

test('what is no list of purposes is refused, a text too', () => {
	for (const granted of [undefined, null, 'marketing', { marketing: true }, 1, true]) {
		expect(() => destinationsFor([], granted as never)).toThrow(
			refusal('granted', 'must be a list or a set of consent purposes'),
		);
	}
});
