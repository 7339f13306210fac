/**
 * What callers may send. The package checks every value by itself and reports all that is wrong at once; what is
 * said here is which fields there are, so that no body names an organization or a creator.
 */
import {
	type CreateDestinationInput,
	destinationTypes,
	Environment,
	type UpdateDestinationInput,
	ValidationError,
} from '@consent-io/destinations';
import { z } from 'zod';

const values = z.unknown().optional();

const changeable = {
	name: values,
	description: values,
	environment: values,
	requiredConsent: values,
	enabled: values,
	testMode: values,
};

const creation = z.strictObject({ ...changeable, type: values, settings: values });

const change = z.strictObject({
	...changeable,
	settings: z.record(z.string(), z.unknown()).optional(),
});

export const pageQuery = z.strictObject({
	cursor: z.string().optional(),
	limit: z.coerce.number().int().min(1).max(100).default(25),
	type: z.enum(destinationTypes).optional(),
	environment: z.enum(Environment).optional(),
});

const parameters = z.object({ id: z.guid() });

export function idOf(params: unknown): string {
	return parameters.parse(params).id;
}

/** @param organizationId of the caller. */
export function creationOf(body: unknown, organizationId: string): CreateDestinationInput {
	// `create` refuses values of other types than these.
	return { ...creation.parse(body), organizationId } as CreateDestinationInput;
}

/** Settings apart from the other fields, because they are merged into those that are there. */
export function changeOf(body: unknown): {
	fields: UpdateDestinationInput;
	settings: Record<string, unknown> | undefined;
} {
	const { settings, ...fields } = change.parse(body);
	// `update` refuses values of other types than these.
	return { fields: fields as UpdateDestinationInput, settings };
}

/** The version in `If-Match: "3"`, which is what `ETag` said. Without the header, or with `*`, any will do. */
export function expectedVersion(ifMatch: string | undefined): number | undefined {
	if (ifMatch === undefined || ifMatch === '*') return undefined;
	if (/^"[1-9]\d{0,8}"$/.test(ifMatch)) return Number(ifMatch.slice(1, -1));
	throw new ValidationError([
		{ path: ['If-Match'], message: 'must be the ETag of the destination, such as "3", or *' },
	]);
}
