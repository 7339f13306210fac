import { z } from 'zod';
import { createFields, updateFields } from '../destinations/input-schemas.ts';
import {
	type DestinationType,
	destinationTypes,
	type SettingsOf,
	settingsSchemas,
} from '../destinations/registry.ts';
import { localIssues } from '../destinations/validate.ts';
import { Environment } from '../destinations/vocabulary.ts';

/** A schema for each type, under its name. */
function byType<S>(make: (type: DestinationType) => S): Readonly<Record<DestinationType, S>> {
	const schemas = destinationTypes.map((type) => [type, make(type)] as const);
	return Object.fromEntries(schemas) as Record<DestinationType, S>; // each of them
}

/** What of an input decides whether its settings may lead to a local network. */
interface Judged {
	readonly environment?: Environment;
	readonly settings?: unknown;
}

/** Only the environment `development` may have settings that lead to a local network. */
function judgedIn<S extends z.ZodObject>(
	type: DestinationType,
	schema: S,
	otherwise: Environment | undefined,
): S {
	return schema.superRefine((value, context) => {
		// As the schema has it; the compiler does not follow that through the type parameter.
		const { environment = otherwise, settings }: Judged = value;
		if (settings === undefined) return;
		for (const { path, code, message } of localIssues(type, settings, environment)) {
			context.addIssue({ code: 'custom', path: [...path], message, params: { code } });
		}
	});
}

/** What both of the following are made of. */
function creationOf<T extends DestinationType>(type: T) {
	return createFields.extend({ type: z.literal(type), settings: settingsSchemas[type] });
}

const creations = destinationTypes.map((type) =>
	judgedIn(type, creationOf(type), Environment.production),
);
const requests = destinationTypes.map((type) =>
	judgedIn(
		type,
		creationOf(type).omit({ organizationId: true, createdBy: true }),
		Environment.production,
	),
);

/** @typeParam Caller what is the caller's. */
type Creation<Caller extends string> = {
	[T in DestinationType]: Omit<z.output<typeof createFields>, 'type' | Caller> & {
		type: T;
		settings: SettingsOf<T>;
	};
}[DestinationType];

/**
 * What `create()` takes. Parsing trims texts and fills in defaults; `create()` does the same again.
 *
 * @example
 * ```ts
 * import { createDestinationSchema } from '@consent-io/destinations/contracts';
 *
 * const { success } = createDestinationSchema.safeParse({
 *   organizationId: '0193a1b2-0000-7000-8000-000000000001',
 *   type: 'posthog',
 *   name: 'EU project',
 *   settings: { apiKey: 'phc_example' },
 * }); // true
 * ```
 */
export const createDestinationSchema = union<Creation<never>>(creations);

/**
 * What a form or a request sends to create a destination: {@link createDestinationSchema} without `organizationId` and
 * `createdBy`, which the service knows and the caller must not choose.
 */
export const createDestinationRequestSchema =
	union<Creation<'organizationId' | 'createdBy'>>(requests);

function union<Output>(schemas: readonly z.ZodObject[]): z.ZodType<Output> {
	const [first, ...others] = schemas;
	if (first === undefined) throw new Error('There is no destination type');
	// The compiler does not follow types through the list.
	return z.discriminatedUnion('type', [first, ...others]) as unknown as z.ZodType<Output>;
}

/**
 * What `update()` takes, by the destination's type, because changes do not name a type.
 *
 * Settings that lead to a local network are allowed in the environment `development` only. If the changes name no
 * environment, the schema does not check this; `update()` does.
 */
export const updateDestinationSchemas = byType((type) =>
	judgedIn(type, updateFields.extend({ settings: settingsSchemas[type].optional() }), undefined),
);

/**
 * What `patchSettings()` takes, by the destination's type: some of the settings. Null or an empty string removes a setting.
 * `patchSettings()` checks whether the resulting settings are valid together.
 */
export const patchSettingsSchemas = byType((type) => {
	const fields: Record<string, z.ZodType> = settingsSchemas[type].shape;
	const members = Object.entries(fields).map(
		([name, field]) => [name, z.union([z.null(), z.literal(''), field]).optional()] as const,
	);
	return z.strictObject(Object.fromEntries(members));
});
