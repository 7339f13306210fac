import type { Client } from 'pg';
import type { DestinationsClient } from '../client/client.ts';
import { ConfigurationError } from '../errors.ts';
import { withClient } from './databases.ts';

/** The URLs of this process's test databases as their superuser, by name. No two have the same. */
const databases = new Map<string, string>();

export function rememberDatabase(name: string, connectionString: string): void {
	databases.set(name, connectionString);
}

/**
 * Creates an organization for a destination. A service's own table is for nobody to write who has a login of this
 * package's roles, so that of a test database is written as its superuser, with values for all that must have one.
 *
 * @throws ConfigurationError if the row needs more than that.
 */
export async function createOrganization(db: DestinationsClient, id: string): Promise<void> {
	const { prisma } = db.asService();
	const [current] = await prisma.$queryRaw<{ name: string }[]>`
		SELECT pg_catalog.current_database()::text AS name`;
	const superuser = databases.get(current?.name ?? '');
	try {
		if (superuser === undefined) await prisma.organization.create({ data: { id } });
		else await withClient(superuser, (client) => insertOrganization(client, id));
	} catch (error) {
		throw new ConfigurationError(
			'createTestDestination() could not create an organization. If the table is your own, create one, and pass its id: createTestDestination(db, { organizationId }).',
			{ cause: error },
		);
	}
}

async function insertOrganization(client: Client, id: string): Promise<void> {
	const { rows } = await client.query<RequiredColumn>(requiredColumns);
	const columns = ['id', ...rows.map(({ name }) => name)];
	const values = ['$1', ...rows.map(sampleOf)];
	await client.query(
		`INSERT INTO public.organizations (${columns.join(', ')}) VALUES (${values.join(', ')})`,
		[id],
	);
}

/** A column that must have a value and has no default. */
interface RequiredColumn {
	readonly name: string;
	readonly type: string;
	/** Of the type: https://www.postgresql.org/docs/current/catalog-pg-type.html#CATALOG-TYPCATEGORY-TABLE */
	readonly category: string;
	/** The first value of an enum, as SQL. */
	readonly label: string | null;
}

const requiredColumns = `
	SELECT pg_catalog.quote_ident(a.attname) AS name, pg_catalog.format_type(a.atttypid, a.atttypmod) AS type,
	       t.typcategory AS category,
	       (SELECT pg_catalog.quote_literal(e.enumlabel) FROM pg_catalog.pg_enum e
	         WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder LIMIT 1) AS label
	  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
	 WHERE a.attrelid = 'public.organizations'::regclass AND a.attnum > 0 AND NOT a.attisdropped
	   AND a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attname <> 'id'
	 ORDER BY a.attnum`;

/** A value as SQL, another one each time where the type has enough of them. */
function sampleOf({ type, category, label }: RequiredColumn): string {
	switch (category) {
		case 'S':
			// A cast cuts what is longer than the column.
			return `md5(gen_random_uuid()::text)::${type}`;
		case 'N':
			return `floor(random() * 30000)::${type}`;
		case 'B':
			return 'false';
		case 'D':
			return `now()::${type}`;
		case 'T':
			return `interval '0'`;
		case 'E':
			return `${label}::${type}`;
		case 'A':
			return `'{}'::${type}`;
		default:
			return otherValues[type] ?? 'NULL';
	}
}

const otherValues: Readonly<Record<string, string>> = {
	uuid: 'gen_random_uuid()',
	json: `'{}'`,
	jsonb: `'{}'`,
	bytea: `'\\x'`,
	inet: `'127.0.0.1'`,
};
