import { DatabaseError } from 'pg';
import { ConfigurationError } from '../errors.ts';
import { canonicalUuid } from '../ids/canonical-id.ts';
import { shownKeyId } from '../keys/key-provider.ts';
import { Keyring } from '../keys/keyring.ts';
import { encryptedTables } from '../rotation/encrypted-tables.ts';
import { counted, type Finding, failure, note, ok, them, warning } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';

/** SQLSTATE of a table that does not exist. */
const undefinedTable = '42P01';

interface KeyUse {
	/**
	 * Of data keys, of which each organization has its own: those that a key management service wraps, and those that are
	 * in no table and on no ring. Each of the others is a use of its own.
	 */
	readonly kind: 'wrapped' | 'lost' | 'other';
	/** Null for settings that are not encrypted, and for data keys. */
	readonly id: string | null;
	/** How many keys. */
	readonly keys: number;
	readonly rows: number;
}

/** Far more than rings have. */
const mostKeys = 200;
/** One more than is named, and one for each of the two kinds of data keys. */
const mostUses = mostKeys + 3;

/**
 * One pass over each table with settings, and few rows back, however many organizations have a data key. Only the key's
 * id leaves an envelope. The column's default, which no key encrypted, is left out. `$1` are the ids on the ring, which come
 * before those that nobody configured.
 */
const countKeys = `
	SELECT kind, shown.id, count(*)::float8 AS keys, sum(rows)::float8 AS rows
	FROM (
		SELECT id, sum(rows) AS rows,
			CASE
				WHEN id IN (SELECT id::text FROM public.destination_data_keys) THEN 'wrapped'
				WHEN id ~ '${canonicalUuid.source}' AND id <> ALL ($1::text[]) THEN 'lost'
				ELSE 'other'
			END AS kind
		FROM (
			${encryptedTables
				.map(
					({
						name,
					}) => `SELECT CASE WHEN settings_encrypted THEN coalesce(settings ->> 'kid', '') END AS id,
						count(*) AS rows FROM public.${name} GROUP BY 1`,
				)
				.join(' UNION ALL ')}
		) AS used
		WHERE id IS DISTINCT FROM '' GROUP BY id
	) AS used, LATERAL (SELECT CASE kind WHEN 'other' THEN used.id END AS id) AS shown
	GROUP BY 1, 2 ORDER BY kind = 'other', shown.id IS NOT NULL, shown.id <> ALL ($1), shown.id LIMIT ${mostUses}`;

/** The keys that stored settings are encrypted with, against those that were given. Opens nothing. */
export async function checkKeys(
	session: ReadOnlySession,
	keys: string | undefined,
): Promise<Finding[]> {
	const ring = readRing(keys);
	const findings = ring instanceof ConfigurationError ? [wrongRing(ring)] : [];
	const given = ring instanceof Keyring ? ring.keyIds : undefined;
	const uses = await session.attemptAs('service_role', () =>
		session.rows<KeyUse>(countKeys, [given ?? []]),
	);
	if (uses instanceof DatabaseError) {
		// Where a table is missing, the schema says so.
		if (uses.code === undefinedTable) return findings;
		return [
			...findings,
			warning(`Keys in use were not counted: ${uses.message}`, {
				fix: "Set DATABASE_SERVICE_URL to the URL of the service's login; `verify` goes through tables of any size.",
			}),
		];
	}
	const others = uses.filter(({ kind }) => kind === 'other');
	if (others.length > mostKeys) {
		findings.push(
			warning(`More than ${mostKeys} keys are in use, of which the first are named here`, {
				fix: 'consent-destinations verify goes through all rows; rotate brings them to one key.',
			}),
		);
	}
	return [
		...findings,
		...others.slice(0, mostKeys).map(({ id, rows }) => judge(id, rows, given)),
		...ofDataKeys(uses),
		...(ring === undefined ? [notGiven] : unused(others, given ?? [])),
	];
}

function readRing(keys: string | undefined): Keyring | ConfigurationError | undefined {
	if (keys === undefined || keys === '') return undefined;
	try {
		return new Keyring(keys);
	} catch (error) {
		if (error instanceof ConfigurationError) return error;
		throw error;
	}
}

function wrongRing(error: ConfigurationError): Finding {
	return failure(`DESTINATIONS_ENCRYPTION_KEYS cannot be read: ${error.message}`, {
		fix: 'Write it as id:hex,id:hex, each id once. The keys below were not compared with it.',
	});
}

function judge(id: string | null, rows: number, given: readonly string[] | undefined): Finding {
	const many = counted(rows, 'row');
	if (id === null) {
		return failure(`${many} not encrypted: clients refuse to read ${them(rows)}`, {
			fix: "consent-destinations rotate --from-plaintext; until then clients need plaintext: 'allow-read'.",
		});
	}
	const name = shownKeyId(id);
	if (given === undefined)
		return note(`Key ${name} encrypted ${many}; whether services have it was not checked`);
	if (id === given[0]) {
		return ok(
			`Key ${name} encrypted ${many}, and encrypts new settings; \`verify\` decrypts ${them(rows)}`,
		);
	}
	if (given.includes(id)) {
		return note(`Key ${name} encrypted ${many} and is not the first`, {
			fix: `consent-destinations rotate brings ${them(rows)} to the first key.`,
		});
	}
	return failure(`Key ${name} encrypted ${many} and was not given: nobody can read ${them(rows)}`, {
		fix: 'Add it to DESTINATIONS_ENCRYPTION_KEYS, behind the first. If it is lost, so are the settings.',
	});
}

function ofDataKeys(uses: readonly KeyUse[]): Finding[] {
	const wrapped = uses.find(({ kind }) => kind === 'wrapped');
	const lost = uses.find(({ kind }) => kind === 'lost');
	const findings: Finding[] = [];
	if (wrapped !== undefined) {
		findings.push(
			note(
				`${counted(wrapped.keys, 'data key')} of organizations encrypted ${counted(wrapped.rows, 'row')}; whether the key management service unwraps ${them(wrapped.keys)} was not checked`,
			),
		);
	}
	if (lost !== undefined) {
		findings.push(
			warning(
				`${counted(lost.keys, 'data key')} that encrypted ${counted(lost.rows, 'row')} ${lost.keys === 1 ? 'is' : 'are'} gone: nobody can read ${them(lost.rows)}`,
				{
					fix: 'After shred() it is meant to be so. Otherwise restore destination_data_keys from a backup.',
				},
			),
		);
	}
	return findings;
}

/** Services do not start without it. */
const notGiven = warning('DESTINATIONS_ENCRYPTION_KEYS is not set, so no key was compared', {
	fix: 'Set it to the keys of the services; `init` writes the first one into .env.',
});

function unused(uses: readonly KeyUse[], given: readonly string[]): Finding[] {
	const used = new Set(uses.map(({ id }) => id));
	return given
		.filter((id) => !used.has(id))
		.map((id) =>
			id === given[0]
				? ok(`Key ${shownKeyId(id)} encrypted no row yet, and encrypts new settings`)
				: note(`Key ${shownKeyId(id)} was given and encrypted no row here`, {
						fix: 'If it is new, put it first once every service has it. If it is old, it may be retired once no service encrypts with it.',
					}),
		);
}
