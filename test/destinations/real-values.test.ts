import fc from 'fast-check';
import { patchSettingsSchemas } from '../../src/contracts/index.ts';
import { describeSettings } from '../../src/destinations/describe-settings.ts';
import { destinationTypes, visibilityOf } from '../../src/destinations/registry.ts';
import { validateSettings } from '../../src/destinations/validate.ts';
import { ValidationError } from '../../src/errors.ts';
import { type RealValue, realValues } from './support/real-values.ts';
import { samples } from './support/samples.ts';

// What people really have, as documents and pages show it, and what they make of it when they copy it.

function settingsWith({ type, field, beside }: RealValue, value: string) {
	return { ...samples[type], ...beside, [field]: value };
}

/** What is stored of the field; the issues of it where it is refused. */
function judged(real: RealValue, value: string): unknown {
	try {
		const settings = validateSettings(real.type, settingsWith(real, value), 'development');
		return new Map<string, unknown>(Object.entries(settings)).get(real.field);
	} catch (error) {
		if (error instanceof ValidationError) return error.issues;
		throw error;
	}
}

test('every text and choice of every type has some', () => {
	const known = new Set(realValues.map(({ type, field }) => `${type} ${field}`));
	const missing = destinationTypes.flatMap((type) =>
		describeSettings(type)
			.fields.filter(({ kind, name }) => kind !== 'switch' && !known.has(`${type} ${name}`))
			.map(({ name, secret }) => [type, name, secret]),
	);
	// Secrets whose form nobody documents.
	expect(missing).toEqual([
		['mixpanel', 'serviceAccountSecret', true],
		['amplitude', 'secretKey', true],
	]);
});

describe.each(realValues)('$type $field: $given', (real) => {
	const { type, field, given, stored, refused } = real;

	test(stored === undefined ? 'is refused' : 'is taken', () => {
		const outcome = judged(real, given);
		if (stored !== undefined) expect(outcome).toBe(stored);
		else expect(outcome).toMatchObject([{ path: ['settings', field], code: refused }]);
		// Alone as well, as a form looks at it.
		const alone = patchSettingsSchemas[type].safeParse({ [field]: given });
		if (real.beside === undefined) expect(alone.success).toBe(stored !== undefined);
	});

	test('is judged alike with the white space around it that is copied along', () => {
		const space = fc.string({
			unit: fc.constantFrom(' ', '\n', '\t', '\r\n', '\u00a0'),
			maxLength: 4,
		});
		fc.assert(
			fc.property(space, space, (before, behind) => {
				expect(judged(real, `${before}${given}${behind}`)).toEqual(judged(real, given));
			}),
			{ numRuns: 30 },
		);
	});

	if (stored === undefined) return;

	test('is stored in a form that stays as it is, and that its description allows', () => {
		expect(judged(real, stored)).toBe(stored);
		const described = describeSettings(type).fields.find(({ name }) => name === field);
		if (described?.pattern !== undefined) {
			expect(stored).toMatch(new RegExp(described.pattern, 'i'));
		}
		expect(stored.length).toBeLessThanOrEqual(described?.maxLength ?? stored.length);
	});

	test('is refused where white space, or what cannot be seen, got into it', () => {
		const place = fc.integer({ min: 1, max: given.length - 1 });
		const stranger = fc.constantFrom(' ', '\n', '\t', '\u0000', '\u00a0', '\u200b', '\u202e');
		fc.assert(
			fc.property(place, stranger, (at, between) => {
				const outcome = judged(real, `${given.slice(0, at)}${between}${given.slice(at)}`);
				expect(outcome).toMatchObject([{ path: ['settings', field] }]);
			}),
			{ numRuns: 60 },
		);
	});

	test('is nowhere in what is said of it when it is refused', () => {
		for (const broken of [`${given} ${given}`, `${given}\u0000`, given.repeat(200)]) {
			const said = JSON.stringify(judged(real, broken));
			if (visibilityOf(type)[field] === 'secret') expect(said).not.toContain(given);
			expect(said.length).toBeLessThan(1500);
		}
	});
});
