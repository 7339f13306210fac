import { defineConfig } from 'prisma/config';
import { schemaEnginePath } from './prisma/engine/locate.mjs';

// Where the native engine cannot be downloaded, the CLI runs the one of prisma/engine.
const engine = schemaEnginePath();
if (engine) process.env.PRISMA_SCHEMA_ENGINE_BINARY = engine;

export default defineConfig({
	schema: 'prisma/schema.prisma',
	migrations: { path: 'prisma/migrations' },
	datasource: { url: process.env.DATABASE_URL ?? '' },
});
