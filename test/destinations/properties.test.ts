import { inspect } from 'node:util';
import fc from 'fast-check';
import { toClientConfig } from '../../src/destinations/client-config.ts';
import { MASK } from '../../src/destinations/mask.ts';
import { redact } from '../../src/destinations/redact.ts';
import {
	destinationTypes,
	settingsSchemas,
	visibilityOf,
} from '../../src/destinations/registry.ts';
import { validateCreate, validateSettings } from '../../src/destinations/validate.ts';
import { ValidationError } from '../../src/errors.ts';
import { destinationOf, samples } from './support/samples.ts';

const type = fc.constantFrom(...destinationTypes);

/** Valid settings, in which some fields are anything at all. */
const damaged = type.chain((name) => {
	const fields = Object.keys(settingsSchemas[name].shape);
	const value = fc.oneof(fc.anything(), fc.string({ unit: 'binary' }), fc.constant(undefined));
	return fc
		.dictionary(fc.oneof(fc.constantFrom(...fields), fc.string()), value, { maxKeys: 4 })
		.map((changes) => ({ name, settings: { ...samples[name], ...changes } }));
});

const attempt = <T>(run: () => T): T | ValidationError => {
	try {
		return run();
	} catch (error) {
		// Anything else fails the property.
		if (error instanceof ValidationError) {
			return error;
		}
		throw error;
	}
};

it('validation is total: complete settings or a ValidationError, for any value', () => {
	fc.assert(
		fc.property(type, fc.anything({ withNullPrototype: true, withBigInt: true }), (name, value) => {
			attempt(() => validateSettings(name, value));
			attempt(() => validateCreate(value));
			attempt(() => validateCreate({ type: name, settings: value }));
		}),
		{ numRuns: 500 },
	);
});

it('validating what came out of validation changes nothing', () => {
	fc.assert(
		fc.property(damaged, ({ name, settings }) => {
			const once = attempt(() => validateSettings(name, settings));
			if (!(once instanceof ValidationError)) {
				expect(validateSettings(name, once)).toEqual(once);
				expect(JSON.parse(JSON.stringify(once))).toEqual(once);
			}
		}),
		{ numRuns: 500 },
	);
});

it('an error never repeats a value', () => {
	// Long enough not to be in a message by chance, and of every kind that a field can object to.
	const value = fc.tuple(
		fc.constantFrom('', 'phc_', 'phx_', 'EAA', 'G-', 'UA-', 'https://', 'http://u:', ' ', MASK),
		fc.string({ minLength: 8, unit: fc.constantFrom(...'QZXJqzxj0189') }),
		fc.constantFrom('', '/', ' ', '\u0000', '@x', ':1', '.mp-service-account'),
	);
	fc.assert(
		fc.property(damaged, value, fc.nat(), ({ name, settings }, [before, core, after], n) => {
			const fields = Object.keys(settingsSchemas[name].shape);
			const field = fields[n % fields.length] ?? '';
			const input = { ...settings, [field]: before + core + after, [`0${core}`]: core };
			const error = attempt(() => validateSettings(name, input));
			expect(error).toBeInstanceOf(ValidationError);
			expect(inspect(error) + JSON.stringify(error)).not.toContain(core);
		}),
		{ numRuns: 1000 },
	);
});

it('redact leaves nothing of a secret but four characters, and a browser gets nothing at all', () => {
	const secret = fc.string({ minLength: 5, maxLength: 60, unit: fc.constantFrom(...'QZXJqzxj#%') });
	fc.assert(
		fc.property(type, fc.string(), secret, (name, unknown, value) => {
			const visibility = visibilityOf(name);
			const hidden = Object.keys(visibility).filter((field) => visibility[field] === 'secret');
			const settings = Object.fromEntries(
				[...hidden, `x${unknown}`].map((field) => [field, value]),
			);
			const destination = destinationOf(name, { ...samples[name], ...settings });
			const redacted = redact(destination);
			const shown = inspect(redacted, { depth: null }) + JSON.stringify(redacted);
			expect(shown).not.toContain(value.slice(-5));
			expect(JSON.stringify(toClientConfig(destination))).not.toContain(value.slice(-4));
		}),
		{ numRuns: 500 },
	);
});

it('redact and toClientConfig are total', () => {
	fc.assert(
		fc.property(fc.oneof(type, fc.string()), fc.anything(), (name, settings) => {
			redact({ type: name, settings });
			toClientConfig(destinationOf(name as never, {}, { settings: settings as never }));
		}),
		{ numRuns: 500 },
	);
});
