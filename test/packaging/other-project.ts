/** What `docs/guides/migrate.md` lets another Prisma project in the same database say. */
export const external = [
	'public.organizations',
	'public.users',
	'public.destinations',
	'public.destination_audit_log',
	'public.destination_data_keys',
	'public.destination_settings_history',
];

const schema = (model: string) => `
	datasource db {
	  provider = "postgresql"
	}
	${model}`;

const organizations = `CREATE TABLE "organizations" (
	"id" UUID NOT NULL DEFAULT gen_random_uuid(), "name" TEXT NOT NULL,
	CONSTRAINT "organizations_pkey" PRIMARY KEY ("id")
);
CREATE TABLE "users" (
	"id" UUID NOT NULL DEFAULT gen_random_uuid(), CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);`;

const platformModels = `
	model Organization {
	  id   String @id @default(dbgenerated("gen_random_uuid()")) @db.Uuid
	  name String
	  @@map("organizations")
	}
	model User {
	  id String @id @default(dbgenerated("gen_random_uuid()")) @db.Uuid
	  @@map("users")
	}`;

const invoices = `CREATE TABLE "invoices" (
	"id" SERIAL NOT NULL, CONSTRAINT "invoices_pkey" PRIMARY KEY ("id")
);`;

const invoiceModel = `
	model Invoice {
	  id Int @id @default(autoincrement())
	  @@map("invoices")
	}`;

const engine = 'node_modules/@consent-io/destinations/prisma/engine/schema-engine.mjs';

const config = (folder: string, more = '') => `
	import { defineConfig, env } from 'prisma/config';
	// The engine of npm serves every project that has no way to Prisma's host.
	process.env.PRISMA_SCHEMA_ENGINE_BINARY = import.meta.dirname + '/${engine}';
	export default defineConfig({
		schema: '${folder}/schema.prisma',
		migrations: { path: '${folder}/migrations' },
		datasource: { url: env('DATABASE_URL') },
		${more}
	});`;

const lock = 'provider = "postgresql"\n';

/** A service that has Prisma for tables of its own, beside those of the package. */
export const otherProject: Record<string, string> = {
	'prisma.config.ts': config('prisma'),
	'prisma/schema.prisma': schema(platformModels),
	'prisma/migrations/migration_lock.toml': lock,
	'prisma/migrations/20250101000000_init/migration.sql': organizations,
	'destinations.config.ts': `export { default } from '@consent-io/destinations/prisma-config';\n`,
	'invoices.config.ts': config('invoices'),
	'invoices-beside-destinations.config.ts': config(
		'invoices',
		`experimental: { externalTables: true }, tables: { external: ${JSON.stringify(external)} },`,
	),
	'invoices/schema.prisma': schema(invoiceModel),
	'invoices/migrations/migration_lock.toml': lock,
	'invoices/migrations/20270101000000_init/migration.sql': invoices,
};
