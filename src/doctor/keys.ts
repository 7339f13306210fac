import { DatabaseError } from 'pg';
import { ConfigurationError } from '../errors.ts';
import { isCanonicalUuid } from '../ids/canonical-id.ts';
import { shownKeyId } from '../keys/key-provider.ts';
import { Keyring } from '../keys/keyring.ts';
import { sealedStores } from '../rotation/encrypted-tables.ts';
import { counted, type Finding, failure, note, ok, warning } from './finding.ts';
import type { ReadOnlySession } from './read-only-session.ts';

/** SQLSTATE of a table that does not exist. */
const undefinedTable = '42P01';

interface KeyUse {
	/** Null for settings that are not encrypted, empty for the column's default, which no key sealed. */
	readonly id: string | null;
	readonly rows: number;
	/** Whether it is an organization's own, wrapped by a key management service. */
	readonly wrapped: boolean;
}

/** One pass over each table with settings. Only the key's id leaves an envelope. */
const countKeys = `
	SELECT used.id, sum(used.rows)::float8 AS rows,
		used.id IN (SELECT id::text FROM public.destination_data_keys) AS wrapped
	FROM (
		${sealedStores
			.map(
				({
					table,
				}) => `SELECT CASE WHEN settings_encrypted THEN coalesce(settings ->> 'kid', '') END AS id,
					count(*) AS rows FROM public.${table} GROUP BY 1`,
			)
			.join(' UNION ALL ')}
	) AS used
	GROUP BY used.id ORDER BY used.id`;

/** The keys that stored settings are sealed with, against those that were given. Opens nothing. */
export async function checkKeys(
	session: ReadOnlySession,
	keys: string | undefined,
): Promise<Finding[]> {
	const ring = readRing(keys);
	const findings = ring instanceof ConfigurationError ? [wrongRing(ring)] : [];
	const uses = await session.attemptAs('service_role', () => session.rows<KeyUse>(countKeys));
	if (uses instanceof DatabaseError) {
		// Where a table is missing, the schema tells.
		if (uses.code === undefinedTable) return findings;
		return [
			...findings,
			warning(`Keys in use were not counted: ${uses.message}`, {
				fix: 'It takes a login that may become service_role (DATABASE_SERVICE_URL); `verify` goes through tables of any size.',
			}),
		];
	}
	const given = ring instanceof Keyring ? ring.keyIds : undefined;
	return [
		...findings,
		...uses
			.filter(({ id, wrapped }) => id !== '' && !wrapped && !isLostDataKey(id, given))
			.map(({ id, rows }) => judge(id, rows, given)),
		...ofDataKeys(uses, given),
		...unused(uses, given),
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
		fix: 'Write it as id:hex,id:hex. The keys below were not compared with it.',
	});
}

function judge(id: string | null, rows: number, given: readonly string[] | undefined): Finding {
	const many = counted(rows, 'row');
	if (id === null) {
		return failure(`${many} not encrypted: clients refuse to read them`, {
			fix: "consent-destinations rotate --from-plaintext; until then clients need plaintext: 'allow-read'.",
		});
	}
	const name = shownKeyId(id);
	if (given === undefined)
		return note(`Key ${name} sealed ${many}; whether services have it was not checked`);
	if (id === given[0]) return ok(`Key ${name} sealed ${many}, and seals from now on`);
	if (given.includes(id)) {
		return note(`Key ${name} sealed ${many} and is not the first`, {
			fix: 'consent-destinations rotate brings them to the first key.',
		});
	}
	return failure(`Key ${name} sealed ${many} and was not given: nobody can read them`, {
		fix: 'Add it to DESTINATIONS_ENCRYPTION_KEYS, behind the first. If it is lost, so are the settings.',
	});
}

function ofDataKeys(uses: readonly KeyUse[], given: readonly string[] | undefined): Finding[] {
	const sum = (some: readonly KeyUse[]) => some.reduce((total, { rows }) => total + rows, 0);
	const wrapped = uses.filter((use) => use.wrapped);
	const lost = uses.filter(({ id, wrapped }) => !wrapped && isLostDataKey(id, given));
	const findings: Finding[] = [];
	if (wrapped.length > 0) {
		findings.push(
			note(
				`${counted(wrapped.length, 'data key')} of organizations sealed ${counted(sum(wrapped), 'row')}; whether the key management service unwraps them was not checked`,
			),
		);
	}
	if (lost.length > 0) {
		findings.push(
			warning(
				`${counted(lost.length, 'data key')} that sealed ${counted(sum(lost), 'row')} are gone: nobody can read them`,
				{
					fix: 'After shred() it is meant to be so. Otherwise restore destination_data_keys from a backup.',
				},
			),
		);
	}
	return findings;
}

/** The id of a data key that is in no table and on no ring. */
function isLostDataKey(id: string | null, given: readonly string[] = []): boolean {
	return id !== null && isCanonicalUuid(id) && !given.includes(id);
}

function unused(uses: readonly KeyUse[], given: readonly string[] | undefined): Finding[] {
	if (given === undefined) {
		return [note('DESTINATIONS_ENCRYPTION_KEYS is not set, so no key was compared')];
	}
	const used = new Set(uses.map(({ id }) => id));
	return given
		.filter((id) => !used.has(id))
		.map((id) =>
			id === given[0]
				? ok(`Key ${shownKeyId(id)} sealed no row yet, and seals from now on`)
				: note(`Key ${shownKeyId(id)} was given and sealed no row here: it may be retired`, {
						fix: 'First be sure that no service seals with it.',
					}),
		);
}
