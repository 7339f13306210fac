import { type ColumnType, ColumnTypeEnum } from '@prisma/driver-adapter-utils';
import { parse as parseArray } from 'postgres-array';

/** Reads a value that Postgres wrote as text. */
export type Parser = (text: string) => unknown;

/** What Prisma calls a type of Postgres, and how its values are handed to Prisma. */
interface Reading {
	readonly column: ColumnType;
	readonly parse: Parser;
}

/** That of a text is known to leave it as it is, so it is not called. */
const asText: Parser = String;

/** A byte as two digits, or, where the session asks for `bytea_output = 'escape'`, as itself or `\ooo`. */
const bytes: Parser = (text) => {
	if (text.startsWith('\\x')) return Buffer.from(text.slice(2), 'hex');
	const unescaped = text.replace(/\\(\\|[0-7]{3})/g, (_, code: string) =>
		code === '\\' ? code : String.fromCharCode(Number.parseInt(code, 8)),
	);
	return Buffer.from(unescaped, 'latin1');
};

/** `2026-11-23 21:00:00.123456+00`, as every session of this package is in UTC. */
const timestamptz: Parser = (text) =>
	text.endsWith('+00') && text.charAt(10) === ' '
		? `${text.slice(0, 10)}T${text.slice(11)}:00`
		: text.replace(' ', 'T').replace(/[+-]\d{2}(:\d{2})?$/, '+00:00');

const withoutZone: Parser = (text) => text.replace(/[+-]\d{2}(:\d{2})?$/, '');

const {
	Boolean: Bool,
	Bytes,
	Date: DateType,
	DateTime,
	Double,
	Float,
	Int32,
	Int64,
	Json,
	Numeric,
	Text,
	Time,
	Uuid,
	...lists
} = ColumnTypeEnum;

/**
 * Types by their OIDs, which are the same in every Postgres (pg_type.dat), each with that of its arrays and
 * what Prisma calls those. They are read here, because the parsers of `pg` belong to the whole process, whose
 * owner may have replaced them.
 */
const types: readonly (readonly [
	oid: number,
	column: ColumnType,
	parse: Parser,
	arrayOid?: number,
	arrayColumn?: ColumnType,
])[] = [
	[16, Bool, (text) => text === 't', 1000, lists.BooleanArray], // bool
	[17, Bytes, bytes, 1001, lists.BytesArray], // bytea
	[19, Text, asText], // name
	[20, Int64, asText, 1016, lists.Int64Array], // int8, which a JavaScript number cannot hold
	[21, Int32, Number, 1005, lists.Int32Array], // int2
	[23, Int32, Number, 1007, lists.Int32Array], // int4
	[25, Text, asText, 1009, lists.TextArray], // text
	[26, Int64, Number, 1028, lists.Int64Array], // oid
	[114, Json, asText, 199, lists.JsonArray], // json
	[142, Text, asText, 143, lists.TextArray], // xml
	[650, Text, asText, 651, lists.TextArray], // cidr
	[700, Float, Number, 1021, lists.FloatArray], // float4
	[701, Double, Number, 1022, lists.DoubleArray], // float8
	[790, Numeric, (text) => text.slice(1), 791, lists.NumericArray], // money, behind its sign
	[869, Text, asText, 1041, lists.TextArray], // inet
	[1042, Text, asText, 1014, lists.TextArray], // bpchar
	[1043, Text, asText, 1015, lists.TextArray], // varchar
	[1082, DateType, asText, 1182, lists.DateArray], // date
	[1083, Time, asText, 1183, lists.TimeArray], // time
	[1114, DateTime, (text) => `${text.replace(' ', 'T')}+00:00`, 1115, lists.DateTimeArray], // timestamp
	[1184, DateTime, timestamptz, 1185, lists.DateTimeArray], // timestamptz
	[1266, Time, withoutZone], // timetz
	[1560, Text, asText, 1561, lists.TextArray], // bit
	[1562, Text, asText, 1563, lists.TextArray], // varbit
	[1700, Numeric, asText, 1231, lists.NumericArray], // numeric
	[2950, Uuid, asText, 2951, lists.UuidArray], // uuid
	[3802, Json, asText, 3807, lists.JsonArray], // jsonb
];

const readings = new Map<number, Reading>();
for (const [oid, column, parse, arrayOid, arrayColumn] of types) {
	readings.set(oid, { column, parse });
	if (arrayOid === undefined || arrayColumn === undefined) continue;
	readings.set(arrayOid, { column: arrayColumn, parse: (text) => parseArray(text, parse) });
}
// An array of "char", whose scalar Prisma does not know.
readings.set(1002, { column: lists.CharacterArray, parse: (text) => parseArray(text, asText) });

/** Types that a database made itself, such as enums and domains of its own, begin here. */
const firstOfTheDatabase = 16_384;

/** What Prisma calls the type; nothing for one that it does not know. */
export function columnTypeOf(oid: number): ColumnType | undefined {
	return readings.get(oid)?.column ?? (oid >= firstOfTheDatabase ? Text : undefined);
}

/** For pg's queries, in which Prisma's driver asks for text alone. */
export const columnParsers = {
	getTypeParser: (oid: number): Parser => readings.get(oid)?.parse ?? asText,
};
