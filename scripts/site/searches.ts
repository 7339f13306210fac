/** What newcomers type into the search, and the pages of which one has to be among the first five. */
export const searches: readonly (readonly [words: string, pages: readonly string[]])[] = [
	['install', ['index', 'guides/service', '']],
	['first route', ['guides/service']],
	['rotate keys', ['guides/keys']],
	['row level security', ['guides/tenancy', 'concepts']],
	['restore deleted', ['guides/operations', 'api/repository', 'api/prisma', 'guides/prisma']],
	['audit log', ['guides/operations', 'api/repository', 'guides/service']],
	['Supabase', ['recipes/supabase']],
	['test database', ['guides/testing', 'api/testing']],
	['createDestinationsClient', ['api/client', 'guides/service']],
	['DECRYPTION_FAILED', ['guides/operations', 'api/errors']],
	['PgBouncer', ['recipes/pgbouncer']],
	['one transaction with Drizzle', ['recipes/transaction-drizzle']],
];
