import type { Field } from '../destinations/columns.ts';
import type { DestinationOrder } from '../destinations/list-query.ts';
import { uuidPattern } from '../ids/uuid-pattern.ts';
import { isTime, type PlaceForm } from './cursor.ts';

/** An order of destinations. The id distinguishes equals, so each row has its place. */
interface Order extends PlaceForm {
	/** What the key of a place is read from. */
	readonly field: Field;
	/** By what Postgres orders. */
	readonly by: string;
	/** The key of a place, as Postgres compares it. */
	readonly keyAs: (parameter: string) => string;
	readonly direction: 'ASC' | 'DESC';
	/** Whether an index has this order across organizations. */
	readonly everywhere: boolean;
}

const id = (text: string) => uuidPattern.test(text);
const byTime = { key: isTime, id, keyAs: (parameter: string) => `${parameter}::timestamptz` };
const byCreation = { ...byTime, field: 'createdAt', by: 'created_at', everywhere: true } as const;

const orders: Readonly<Record<DestinationOrder, Order>> = {
	newest: { ...byCreation, direction: 'DESC' },
	oldest: { ...byCreation, direction: 'ASC' },
	changed: {
		...byTime,
		field: 'updatedAt',
		by: 'updated_at',
		direction: 'DESC',
		everywhere: false,
	},
	name: {
		id,
		key: (text: string) => text.length <= 255 && !text.includes('\0'),
		keyAs: (parameter: string) => `pg_catalog.lower(${parameter}::text)`,
		field: 'name',
		by: 'pg_catalog.lower(name)',
		direction: 'ASC',
		everywhere: false,
	},
};

export function orderOf(order: DestinationOrder): Order {
	return orders[order];
}
