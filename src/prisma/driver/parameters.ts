import type { ArgType } from '@prisma/driver-adapter-utils';

/** A value of Prisma's query as pg sends it: text, bytes, or an array of them. */
export function toParameter(value: unknown, type: ArgType | undefined): unknown {
	if (value === null || type === undefined) return value;
	if (Array.isArray(value) && type.arity === 'list') {
		return value.map((element) => toParameter(element, type));
	}
	if (type.scalarType === 'datetime' && typeof value === 'string') {
		return timeOf(new Date(value), type.dbType);
	}
	if (value instanceof Date) return timeOf(value, type.dbType);
	if (type.scalarType === 'bytes' && typeof value === 'string') {
		return Buffer.from(value, 'base64');
	}
	if (ArrayBuffer.isView(value)) {
		return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
	}
	return value;
}

/** A moment in UTC, which the session is in, as text of a column's type. */
function timeOf(moment: Date, columnType: string | undefined): string {
	// Years beyond 9999 begin with a sign and zeros there, which Postgres does not read.
	const [, date = '', time = ''] = /^(?:\+0*)?(.+)T(.+)Z$/.exec(moment.toISOString()) ?? [];
	switch (columnType) {
		case 'DATE':
			return date;
		case 'TIME':
		case 'TIMETZ':
			return time;
		default:
			return `${date} ${time}`;
	}
}
