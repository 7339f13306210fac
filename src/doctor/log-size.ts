import { counted, type Finding, note, ok } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';

/** The time that the growth is of, and retentions that many choose, in days. The last is thirteen months. */
const days = [30, 90, 400] as const;

interface SizeRow {
	readonly bytes: string;
	readonly entries: string;
	readonly first: string;
	readonly last: string;
	/** In whole days. */
	readonly age: string;
	/** By `days`: the id from which on entries are younger. */
	readonly since: readonly string[];
}

/**
 * Ids of the log come in the order of time, so where a time begins is found by halving the ids: some 60 look-ups however long the
 * log is. Only about: ids have gaps, and a transaction that took long writes behind others.
 */
const size = `WITH RECURSIVE ends AS (
		SELECT (SELECT id FROM public.destination_audit_log ORDER BY id LIMIT 1) AS first,
		       (SELECT id FROM public.destination_audit_log ORDER BY id DESC LIMIT 1) AS last
	), search (days, low, high) AS (
		SELECT days, first, last + 1 FROM ends, unnest(ARRAY[${days.join()}]) AS days WHERE first IS NOT NULL
		UNION ALL
		SELECT days, CASE WHEN is_older THEN middle + 1 ELSE low END, CASE WHEN is_older THEN high ELSE middle END
		  FROM search, LATERAL (SELECT low + (high - low) / 2 AS middle) AS half,
		       LATERAL (SELECT recorded_at < now() - days * interval '1 day' AS is_older
		                  FROM public.destination_audit_log WHERE id >= middle ORDER BY id LIMIT 1) AS found
		 WHERE low < high
	)
	SELECT pg_total_relation_size('public.destination_audit_log')::text AS bytes,
	       greatest((SELECT reltuples FROM pg_class WHERE oid = 'public.destination_audit_log'::regclass), -1)::bigint::text AS entries,
	       first::text, last::text,
	       (SELECT extract(day FROM now() - recorded_at)::text FROM public.destination_audit_log WHERE id = first) AS age,
	       ARRAY(SELECT max(low)::text FROM search GROUP BY days ORDER BY days) AS since
	  FROM ends WHERE first IS NOT NULL`;

/** How large the log is, how fast it grows, and what would be left of it under a retention. */
export async function checkLogSize(service: ReadOnlySession): Promise<Finding[]> {
	const rows = await service.attemptAs('service_role', () => service.rows<SizeRow>(size));
	// What cannot be read, or is not there, other findings name.
	if (!Array.isArray(rows)) return [];
	const [row] = rows;
	if (row === undefined) return [ok('The log has no entries yet')];
	const span = Number(BigInt(row.last) - BigInt(row.first)) + 1;
	// Without statistics, ids say it.
	const entries = Math.min(span, Number(row.entries) > 0 ? Number(row.entries) : span);
	const bytes = Number(row.bytes);
	const age = Number(row.age);
	const shares = row.since.map((since) => (Number(BigInt(row.last) - BigInt(since)) + 1) / span);
	const part = (share: number) => {
		const count = Math.round(entries * share);
		return `${counted(count, 'entry', 'entries')}, ${sizeText(bytes * share)}`;
	};
	// Of the first hours, which are those of trying it out, nothing follows for the next years.
	if (age < 1) {
		return [ok(`The log has about ${part(1)}, of less than a day: how it grows does not show yet`)];
	}
	const [recent = 0, ...kept] = shares;
	const growth = part(recent / Math.min(days[0], age));
	const retentions = kept.map((share, index) => `${days[index + 1]} days about ${part(share)}`);
	const text = `The log has about ${part(1)}, of ${counted(age, 'day')}, and grows by about ${growth} a day. Under a retention of ${retentions.join(', of ')} would stay`;
	const longest = days[2];
	return [
		age <= longest
			? ok(text)
			: note(text, {
					fix: `Where nobody needs what is older than ${longest} days, remove it: consent-destinations purge --log-older-than ${longest}d, with --export to have it in a file.`,
				}),
	];
}

function sizeText(bytes: number): string {
	const units = ['kB', 'MB', 'GB', 'TB'] as const;
	let [value, unit] = [bytes / 1000, 0];
	while (value >= 1000 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
	return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
