import { createContext, runInContext } from 'node:vm';
import { build } from 'esbuild';
import fc from 'fast-check';
import * as contracts from '../../src/contracts/index.ts';
import { patchedSettings } from '../../src/destinations/patch.ts';
import { redact } from '../../src/destinations/redact.ts';
import { destinationTypes, settingsSchemas } from '../../src/destinations/registry.ts';
import { validateCreate, validateUpdate } from '../../src/destinations/validate.ts';
import { UnknownKeyError, ValidationError } from '../../src/errors.ts';
import { destinationOf, samples } from '../destinations/support/samples.ts';

const organizationId = '0193a1b2-0000-7000-8000-000000000001';

/** What a call returns; nothing where it refuses. */
function accepted<T>(call: () => T): T | undefined {
	try {
		return call();
	} catch (error) {
		if (error instanceof ValidationError) return undefined;
		throw error;
	}
}

const type = fc.constantFrom(...destinationTypes);
const json = fc.jsonValue({ maxDepth: 1 });
const environment = fc.constantFrom('development', 'staging', 'production', 'elsewhere');
const text = fc.oneof(
	fc.constantFrom('', ' ', 'Shop', ' Shop ', 'a\u0007', 'x'.repeat(256)),
	fc.string(),
);

/** Settings that are right but for a few members. */
const settingsOf = (name: (typeof destinationTypes)[number]) =>
	fc
		.dictionary(
			fc.oneof(
				{ weight: 6, arbitrary: fc.constantFrom(...Object.keys(settingsSchemas[name].shape)) },
				{ weight: 1, arbitrary: fc.constantFrom('unknown', 'host') },
			),
			fc.oneof(
				json,
				fc.constantFrom('', ' ', null, true, false, 'EU', 'http://localhost:8000', '••••••••abcd'),
				fc.constantFrom('phc_example', 'https://www.shop.example/ingest', '123456789012'),
			),
			{ maxKeys: 3 },
		)
		.map((changes) => ({ ...samples[name], ...changes }));

const fields = fc.record(
	{
		name: text,
		description: fc.oneof(text, fc.constant(null)),
		environment,
		requiredConsent: fc.oneof(
			fc.constantFrom(['marketing', 'marketing'], [], Array(51).fill('marketing')),
			json,
		),
		enabled: fc.oneof(fc.boolean(), json),
		testMode: fc.boolean(),
	},
	{ requiredKeys: [] },
);
/** Two thirds of the fields are left as they should be. */
const someFields = fc
	.tuple(fields, fc.nat({ max: 2 }))
	.map(([all, dice]) => (dice === 0 ? all : {}));

test('create() accepts what its contract accepts, and makes the same of it', () => {
	const seen = { accepted: 0, refused: 0 };
	fc.assert(
		fc.property(
			type.chain((name) => fc.tuple(fc.constant(name), settingsOf(name))),
			someFields,
			fc.constantFrom({}, { extra: 1 }, { organizationId: 'x' }, { type: 'none' }),
			fc.nat({ max: 4 }),
			([name, settings], given, more, dice) => {
				const input = {
					...{ organizationId, type: name, name: 'Shop', settings, ...given },
					...(dice === 0 && more),
				};
				const made = accepted(() => validateCreate(input));
				const { success, data } = contracts.createDestinationSchema.safeParse(input);
				expect([input, success]).toEqual([input, made !== undefined]);
				seen[success ? 'accepted' : 'refused'] += 1;
				if (made === undefined || data === undefined) return;
				expect({ requiredConsent: made.requiredConsent, ...data }).toEqual(made);
				const { organizationId: _, ...request } = input;
				const asked = contracts.createDestinationRequestSchema.safeParse(request);
				expect({ organizationId, ...asked.data }).toEqual(data);
				expect(contracts.createDestinationRequestSchema.safeParse(input).success).toBe(false);
			},
		),
		{ numRuns: 600 },
	);
	expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(50);
});

test('update() accepts what its contract accepts, and makes the same of it', () => {
	fc.assert(
		fc.property(
			type.chain((name) =>
				fc.tuple(fc.constant(name), fc.option(settingsOf(name), { nil: undefined })),
			),
			someFields,
			([name, settings], given) => {
				const changes = { ...given, ...(settings !== undefined && { settings }) };
				const made = accepted(() => validateUpdate(name, changes));
				const { success, data } = contracts.updateDestinationSchemas[name].safeParse(changes);
				expect([changes, success]).toEqual([changes, made !== undefined]);
				if (made !== undefined) expect(data).toEqual(made);
			},
		),
		{ numRuns: 600 },
	);
});

test('patchSettings() refuses what its contract refuses', () => {
	const seen = { accepted: 0, refused: 0 };
	fc.assert(
		fc.property(
			type.chain((name) => fc.tuple(fc.constant(name), settingsOf(name))),
			([name, patch]) => {
				const stored = destinationOf(name, samples[name], { environment: 'development' });
				const before = { type: name, settings: stored.settings, environment: stored.environment };
				const made = accepted(() =>
					patchedSettings(before as Parameters<typeof patchedSettings>[0], patch, {
						keepMasked: false,
					}),
				);
				const { success } = contracts.patchSettingsSchemas[name].safeParse(patch);
				seen[success ? 'accepted' : 'refused'] += 1;
				// A name that there is not may be taken away, as earlier releases may have known it.
				const unknown = Object.entries(patch).some(
					([member, value]) =>
						!(member in settingsSchemas[name].shape) && String(value ?? '').trim() === '',
				);
				if (!success && !unknown) expect([patch, made]).toEqual([patch, undefined]);
			},
		),
		{ numRuns: 600 },
	);
	expect(Math.min(seen.accepted, seen.refused)).toBeGreaterThan(50);
	for (const name of destinationTypes) {
		const { shape } = settingsSchemas[name];
		const none = Object.fromEntries(Object.keys(shape).map((field) => [field, null]));
		expect(contracts.patchSettingsSchemas[name].safeParse(none).success).toBe(true);
		expect(contracts.patchSettingsSchemas[name].safeParse({}).success).toBe(true);
	}
});

test('a query is read as URLs have it', () => {
	const query = { limit: '10', enabled: 'false', order: 'name', name: ' Shop ' };
	expect(contracts.listDestinationsSchema.parse(query)).toEqual({
		...{ limit: 10, enabled: false, order: 'name', name: 'Shop' },
	});
	expect(contracts.listDestinationsSchema.parse({})).toEqual({ limit: 25, order: 'newest' });
	for (const wrong of [{ limit: '0' }, { limit: '1e3' }, { enabled: 'yes' }, { page: '2' }]) {
		expect(contracts.listDestinationsSchema.safeParse(wrong).success).toBe(false);
	}
});

test.each(destinationTypes)(
	'JSON of a redacted destination of type %s is as its contract says',
	(name) => {
		const shown = JSON.parse(JSON.stringify(redact(destinationOf(name, samples[name]))));
		expect(contracts.redactedDestinationSchema.parse(shown)).toEqual(shown);
		const page = { items: [shown], nextCursor: null };
		expect(contracts.destinationPageSchema.parse(page)).toEqual(page);
		const { settings: _, ...others } = destinationOf(name, samples[name]);
		const unopened = {
			...others,
			settings: null,
			settingsError: new UnknownKeyError('no such key'),
		};
		const marked = JSON.parse(JSON.stringify(redact(unopened)));
		expect(contracts.redactedDestinationSchema.parse(marked)).toEqual(marked);
		expect(contracts.redactedDestinationSchema.safeParse({ ...shown, settings: 'x' }).success).toBe(
			false,
		);
	},
);

test('in a browser they are the same: without Node, pg and Prisma', async () => {
	// A builtin of Node is an error to esbuild here.
	const { outputFiles, metafile } = await build({
		entryPoints: ['src/contracts/index.ts'],
		...{ bundle: true, write: false, metafile: true },
		...{ platform: 'browser', format: 'iife', globalName: 'contracts' },
	});
	const packages = Object.keys(metafile.inputs).flatMap(
		(path) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? [],
	);
	expect([...new Set(packages)].sort()).toEqual(['ipaddr.js', 'zod']);
	expect(
		Object.keys(metafile.inputs).filter((path) =>
			/src\/(?!contracts|destinations|input|ids|errors)/.test(path),
		),
	).toEqual([]);
	// What browsers have, and nothing of Node's.
	const browser = createContext({ URL });
	runInContext(outputFiles[0]?.text ?? '', browser);
	const input = {
		organizationId,
		type: 'posthog',
		name: ' Shop ',
		settings: { apiKey: 'phc_example', host: 'https://ph.shop.example/' },
	};
	const parsed = runInContext(
		`JSON.stringify(contracts.createDestinationSchema.parse(${JSON.stringify(input)}))`,
		browser,
	);
	expect(JSON.parse(parsed)).toEqual(contracts.createDestinationSchema.parse(input));
});
