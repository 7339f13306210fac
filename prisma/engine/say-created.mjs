// Says after a deploy which tables of the platform the migrations have made, and why. Prisma shows no NOTICE of a
// migration, so this asks the database afterwards. A process of its own: Prisma's is ending, and waits for nothing else.
import pg from 'pg';
import { withoutSchema } from './url.mjs';

const made = `SELECT string_agg('public.' || relname, ' and ' ORDER BY relname) AS names, count(*) = 1 AS one
	FROM pg_catalog.pg_class
	WHERE relnamespace = 'public'::regnamespace AND relname IN ('organizations', 'users')
		AND obj_description(oid, 'pg_class') = 'Created by @consent-io/destinations, because the platform had no such table.'
		AND pg_relation_size(oid) = 0`;

const client = new pg.Client({
	connectionString: withoutSchema(String(process.env.DATABASE_URL)),
	connectionTimeoutMillis: 5000,
	query_timeout: 5000,
});
client.on('error', () => {});
try {
	await client.connect();
	const { rows } = await client.query(made);
	const [{ names, one }] = rows;
	if (names) {
		process.stdout.write(
			`\n@consent-io/destinations: ${names}: made by these migrations, because there was no table of ${one ? 'that name' : 'these names'}, and destinations refer to ${one ? 'it' : 'them'} by a uuid. Empty so far: add a row for each. Where your tenants and users are in other tables, see "Tenants elsewhere" in docs/guides/migrate.md.\n`,
		);
	}
} catch {
	// The deploy itself is done, and said so.
} finally {
	await client.end().catch(() => {});
}
