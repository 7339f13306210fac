import type { ClientConfig } from 'pg';
import { parseUrl } from '../input/parse-url.ts';

/**
 * The settings by which values are read and written as text. A database, a login or a URL may say otherwise, and
 * then pg and Prisma read a wrong value without an error: `05/11/2026` in place of `2026-11-05`, or another zone.
 * These are Postgres's own defaults, but for the zone: times are read as if they were in UTC.
 */
export const textForm = {
	TimeZone: 'UTC',
	DateStyle: 'ISO, MDY',
	IntervalStyle: 'postgres',
	bytea_output: 'hex',
	extra_float_digits: '1',
	xmlbinary: 'base64',
	array_nulls: 'on',
	standard_conforming_strings: 'on',
} as const;

/** Sets the form for the rest of a session. */
export const setTextForm = Object.entries({ ...textForm, client_encoding: 'UTF8' })
	.map(([name, value]) => `SET ${name} = '${value}'`)
	.join('; ');

/**
 * Options of pg whose sessions begin with {@link textForm}, before what the database, the login, the URL or
 * `PGOPTIONS` ask for. The encoding is always UTF-8: pg says so by itself.
 */
export function withTextForm<Config extends ClientConfig>(config: Config): Config {
	const { connectionString = '', options } = config;
	const url = parseUrl(connectionString);
	const inUrl = url?.searchParams.get('options');
	const given = inUrl ?? options ?? process.env.PGOPTIONS ?? '';
	// Of two the last one counts. A space would end the value.
	const own = Object.entries(textForm).map(
		([name, value]) => `-c ${name}=${value.replaceAll(' ', '')}`,
	);
	const both = { ...config, options: `${given} ${own.join(' ')}`.trim() };
	if (!url?.searchParams.has('options')) return both;
	// pg takes those of the URL, even where they are empty, and drops the others.
	url.searchParams.delete('options');
	return { ...both, connectionString: url.href };
}
