import type { DestinationOf } from './destination.ts';
import type { DestinationType } from './registry.ts';

/** How a column's value is read from what Postgres writes. */
export type ColumnKind = 'text' | 'boolean' | 'integer' | 'time' | 'json' | 'list';

/** Every column of the table, in its order, by the name of its field. Whatever else lists columns goes by this. */
export const columnKinds = {
	id: 'text',
	organizationId: 'text',
	type: 'text',
	name: 'text',
	description: 'text',
	environment: 'text',
	settings: 'json',
	settingsEncrypted: 'boolean',
	requiredConsent: 'list',
	enabled: 'boolean',
	testMode: 'boolean',
	lastTestedAt: 'time',
	connectionStatus: 'text',
	lastError: 'text',
	deletedAt: 'time',
	version: 'integer',
	createdAt: 'time',
	updatedAt: 'time',
	createdBy: 'text',
	updatedBy: 'text',
} as const satisfies Record<keyof DestinationOf<DestinationType>, ColumnKind>;

/** A field of a destination, which is a column of the table. */
export type Field = keyof typeof columnKinds;

/** All fields, in the order of the columns. */
export const fields = Object.keys(columnKinds) as readonly Field[]; // its own keys

/** `requiredConsent` as the database calls it. */
export function columnName(field: string): string {
	return field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** `required_consent` as the API calls it. */
export function fieldName(column: string): string {
	return column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
