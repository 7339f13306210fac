/**
 * SQL that makes rows as two years of use would leave them: many organizations of 1 to 6 destinations and a
 * few of 2,000, a tenth of all deleted. Everything follows from a row's number, so that nothing is looked up.
 */

/** Rows of six small organizations, which have 1 to 6 each. */
const rowsOfSix = 21;
/** A prime, which scatters an organization's rows over the years and so over the pages of the table. */
const stride = 7_368_787;
/** A row of a large organization whose place is behind these is deleted: no more can be live. */
export const mostLive = 18;
const types = `'{posthog,meta-pixel,google-analytics,console,mixpanel,amplitude}'::text[]`;
const environments = `'{production,production,production,production,production,staging,staging,development}'::text[]`;
const firstDay = `now() - interval '2 years'`;
const asReplica = 'SET session_replication_role = replica;';

export interface Shape {
	readonly rows: number;
	readonly largeOrganizations: number;
	readonly rowsOfLarge: number;
	readonly smallOrganizations: number;
	readonly users: number;
}

export function shapeOf(rows: number): Shape {
	const largeOrganizations = Math.max(1, Math.floor(rows / 50_000));
	const rowsOfLarge = Math.min(2000, Math.floor(rows / 100));
	const small = rows - largeOrganizations * rowsOfLarge;
	return {
		rows,
		largeOrganizations,
		rowsOfLarge,
		smallOrganizations: Math.ceil(small / rowsOfSix) * 6,
		users: Math.floor(rows / 20),
	};
}

export const organizationId = (number: string) => `md5('organization ' || ${number})::uuid`;
export const destinationId = (number: string) => `md5('destination ' || ${number})::uuid`;
const userId = (number: string) => `md5('user ' || ${number})::uuid`;

/** Large organizations have negative numbers. */
export function insertPlatform({ largeOrganizations, smallOrganizations, users }: Shape): string {
	return `${asReplica}
		INSERT INTO organizations SELECT ${organizationId('number')}
		  FROM generate_series(${-largeOrganizations}, ${smallOrganizations - 1}) AS number;
		INSERT INTO users SELECT ${userId('number')} FROM generate_series(0, ${users - 1}) AS number`;
}

/** Which organization the row of a number belongs to, and its place there. */
function placeOf({ rows, largeOrganizations, rowsOfLarge }: Shape, number: string): string {
	const large = largeOrganizations * rowsOfLarge;
	// The organization among six, and the place in it, of each of their 21 rows.
	const six = Array.from({ length: 6 }, (_, of) => Array.from({ length: of + 1 }, () => of)).flat();
	const places = Array.from({ length: 6 }, (_, of) => Array.from({ length: of + 1 }, (_, k) => k));
	return `(SELECT
			CASE WHEN m < ${large} THEN -1 - m / ${rowsOfLarge}
			  ELSE (m - ${large}) / ${rowsOfSix} * 6 + ('{${six}}'::int[])[1 + (m - ${large}) % ${rowsOfSix}] END AS organization,
			CASE WHEN m < ${large} THEN m % ${rowsOfLarge}
			  ELSE ('{${places.flat()}}'::int[])[1 + (m - ${large}) % ${rowsOfSix}] END AS place
		  FROM (SELECT (${number})::bigint * ${stride} % ${rows} AS m) AS scattered)`;
}

/** Inserts one of `parts` parts of the destinations; parts loaded at once end up in the order of time all the same. */
export function insertDestinations(
	shape: Shape,
	part: number,
	parts: number,
	envelope: string,
): string {
	return `${asReplica}
		INSERT INTO destinations (id, organization_id, type, name, description, environment, settings,
			settings_encrypted, required_consent, enabled, test_mode, last_tested_at, connection_status, last_error,
			deleted_at, version, created_at, updated_at, created_by, updated_by)
		SELECT ${destinationId('n')}, ${organizationId('organization')},
			(${types})[1 + (organization + place + 600000) % 6], 'Destination ' || n,
			CASE WHEN n % 3 = 0 THEN 'What it is for, in a few words' END,
			CASE WHEN organization < 0 THEN ('{production,staging,development}'::text[])[1 + place / 6 % 3]
			  ELSE (${environments})[1 + (organization * 7 + place * 3 + organization / 6) % 8] END,
			CASE WHEN plain THEN jsonb_build_object('apiKey', 'phc_' || n) ELSE '${envelope}' END, NOT plain,
			CASE WHEN n % 3 = 1 THEN '{marketing}' ELSE '{measurement}' END::text[],
			n % 13 <> 0, n % 20 = 1,
			CASE WHEN n % 10 > 3 THEN touched END,
			CASE WHEN n % 10 > 4 THEN 'connected' WHEN n % 10 = 4 THEN 'failed' ELSE 'unknown' END,
			CASE WHEN n % 10 = 4 THEN 'The provider refused the key.' END,
			CASE WHEN deleted THEN touched END,
			CASE WHEN changed OR n % 4 = 0 THEN 2 + n % 4 ELSE 1 END,
			made, CASE WHEN changed THEN touched ELSE made END,
			CASE WHEN n % 10 <> 0 THEN maker END, CASE WHEN n % 10 <> 0 THEN maker END
		FROM generate_series(${part}, ${shape.rows - 1}, ${parts}) AS n,
			LATERAL ${placeOf(shape, 'n')} AS place,
			LATERAL (SELECT ${firstDay} + n::float8 / ${shape.rows} * interval '2 years' AS made,
				n % 1000 = 7 AS plain,
				CASE WHEN organization < 0 THEN place >= ${mostLive} ELSE n % 16 = 3 END AS deleted,
				${userId(`abs(organization) * 13 % ${shape.users}`)} AS maker) AS age,
			LATERAL (SELECT made + random() * (now() - made) AS touched, deleted OR n % 5 < 2 AS changed) AS change`;
}

/** One of `parts` parts of the log: three entries for the creation of destinations, then two for changes of earlier ones. */
export function insertLog(shape: Shape, part: number, parts: number): string {
	return `${asReplica}
		INSERT INTO destination_audit_log (organization_id, destination_id, version, action, settings_changed,
			changes, actor_id, role, login, recorded_at, transaction_id)
		SELECT ${organizationId('organization')}, ${destinationId('n')}, CASE WHEN created THEN 1 ELSE 2 END,
			CASE WHEN created THEN 'created' WHEN e % 5 = 3 THEN 'updated' ELSE 'disabled' END,
			false,
			CASE WHEN created THEN '{"name": {"new": "Destination"}, "type": {"new": "posthog"}, "enabled": {"new": true}, "settings": {}, "test_mode": {"new": false}, "environment": {"new": "production"}, "required_consent": {"new": ["measurement"]}, "settings_encrypted": {"new": true}}'
			  WHEN e % 5 = 3 THEN '{"name": {"old": "Destination", "new": "Another name"}}'
			  ELSE '{"enabled": {"old": true, "new": false}}' END::jsonb,
			${userId(`abs(organization) * 13 % ${shape.users}`)}, 'authenticated', 'service',
			${firstDay} + e::float8 / ${(shape.rows / 3) * 5} * interval '2 years', e
		FROM generate_series(${part}, ${Math.floor((shape.rows / 3) * 5) - 1}, ${parts}) AS e,
			LATERAL (SELECT e % 5 < 3 AS created,
				CASE WHEN e % 5 < 3 THEN e / 5 * 3 + e % 5 ELSE floor(random() * (e / 5 * 3))::bigint END AS n) AS entry,
			LATERAL ${placeOf(shape, 'n')} AS place`;
}

/** Earlier settings of every fourth destination. */
export function insertHistory(shape: Shape, envelope: string): string {
	return `${asReplica}
		INSERT INTO destination_settings_history
			(destination_id, version, organization_id, type, settings, settings_encrypted, replaced_at)
		SELECT ${destinationId('n')}, 1, ${organizationId('organization')},
			(${types})[1 + (organization + place + 600000) % 6], '${envelope}', true,
			${firstDay} + n::float8 / ${shape.rows} * interval '2 years'
		FROM generate_series(0, ${shape.rows - 1}, 4) AS n, LATERAL ${placeOf(shape, 'n')} AS place`;
}

/** A data key of every second small organization. */
export function insertDataKeys({ smallOrganizations }: Shape): string {
	return `${asReplica}
		INSERT INTO destination_data_keys (organization_id, wrapped_key)
		SELECT ${organizationId('number')}, decode(repeat('ab', 120), 'hex')
		  FROM generate_series(1, ${smallOrganizations - 1}, 2) AS number`;
}
