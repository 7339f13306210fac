import { z } from 'zod';
import { describeSettings } from '../../src/destinations/describe-settings.ts';
import {
	destinationTypes,
	settingsSchemas,
	visibilityOf,
} from '../../src/destinations/registry.ts';
import { validateSettings } from '../../src/destinations/validate.ts';
import { samples } from './support/samples.ts';

/** What a form sends that knows no more than the description: examples, and the first of each choice. */
function filled(type: (typeof destinationTypes)[number], which: 'required' | 'all') {
	return Object.fromEntries(
		describeSettings(type)
			.fields.filter(
				({ kind, required, requiredWhen }) =>
					which === 'all' || (kind !== 'switch' && (required || requiredWhen !== undefined)),
			)
			.map(({ name, kind, options, preset, example, secret, pattern }) => {
				if (kind === 'switch') return [name, preset];
				if (kind === 'choice') return [name, options?.at(-1)];
				const value = example ?? (secret ? 'secret-0123456789' : '');
				if (pattern !== undefined) expect(value).toMatch(new RegExp(pattern, 'i'));
				return [name, value];
			}),
	);
}

it.each(destinationTypes)('says enough to fill in a form: %s', (type) => {
	for (const which of ['required', 'all'] as const) {
		expect(() => validateSettings(type, filled(type, which), 'production')).not.toThrow();
	}
});

it.each(destinationTypes)('says of each setting what it is, and who sees it: %s', (type) => {
	const { fields, title } = describeSettings(type);
	expect(title).not.toBe('');
	expect(fields.map(({ name }) => name)).toEqual(Object.keys(settingsSchemas[type].shape));
	for (const field of fields) {
		expect(field.title).toMatch(/^[A-Z]/);
		expect(field.description).toMatch(/^[A-Z].*\.$/);
		expect(field.visibility).toBe(visibilityOf(type)[field.name]);
		expect(field.secret).toBe(field.visibility === 'secret');
		expect(field.options === undefined).toBe(field.kind !== 'choice');
		// A secret has no example: it would be copied.
		if (field.secret) expect(field.example).toBeUndefined();
	}
});

it.each(destinationTypes)('says what must be given: %s', (type) => {
	for (const { name, required, requiredWhen } of describeSettings(type).fields) {
		const without = { ...samples[type], [name]: undefined };
		const isRefused = (settings: object) => {
			try {
				validateSettings(type, settings);
				return false;
			} catch (error) {
				return String(error).includes(`settings.${name}: is required`);
			}
		};
		const group = describeSettings(type).groups.find(({ allOrNone }) => allOrNone.includes(name));
		expect([name, isRefused(without)]).toEqual([
			name,
			required || requiredWhen !== undefined || group !== undefined,
		]);
		if (requiredWhen !== undefined) {
			expect(isRefused({ ...without, [requiredWhen]: false })).toBe(false);
		}
		const none = Object.fromEntries((group?.allOrNone ?? []).map((member) => [member, '']));
		if (group !== undefined) expect(isRefused({ ...without, ...none })).toBe(false);
	}
});

it.each(destinationTypes)('says the limits and presets that the schema has: %s', (type) => {
	for (const { name, maxLength, preset } of describeSettings(type).fields) {
		if (maxLength !== undefined) {
			const long = { ...samples[type], [name]: 'x'.repeat(maxLength + 1) };
			expect(() => validateSettings(type, long)).toThrow(`settings.${name}: must`);
		}
		if (preset !== undefined) {
			const without = { ...samples[type], [name]: undefined };
			expect(validateSettings(type, without)).toMatchObject({ [name]: preset });
		}
	}
});

it.each(destinationTypes)('stands in the JSON Schema of the type too: %s', (type) => {
	const { properties } = z.toJSONSchema(settingsSchemas[type]);
	const given = z.toJSONSchema(settingsSchemas[type], { io: 'input' });
	for (const { name, title, description, example, required } of describeSettings(type).fields) {
		expect(properties?.[name]).toMatchObject({
			title,
			description,
			...(example !== undefined && { examples: [example] }),
		});
		expect([name, given.required?.includes(name) ?? false]).toEqual([name, required]);
	}
});

it('is data: JSON of it is the same, and nothing of the package can be changed by it', () => {
	for (const type of destinationTypes) {
		const description = describeSettings(type);
		expect(JSON.parse(JSON.stringify(description))).toEqual(description);
		expect(description).not.toBe(describeSettings(type));
		for (const { options } of description.fields) (options as string[] | undefined)?.pop();
	}
	expect(describeSettings('console').fields[0]?.options).toHaveLength(4);
});

it.each(['segment', 'constructor', undefined])('knows no type %j', (type) => {
	expect(() => describeSettings(type as never)).toThrow('must be one of posthog');
});
