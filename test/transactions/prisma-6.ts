import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { PrismaPg } from '@prisma/adapter-pg';
import type { PrismaClient } from '../../src/generated/prisma/client.ts';
import { succeed } from '../packaging/command.ts';
import { madeOnce } from '../packaging/made-once.ts';

/** The last of the major version. Without an engine, so that nothing has to come from Prisma's own host. */
const version = '6.19.3';

const schema = `generator client {
  provider   = "prisma-client-js"
  engineType = "client"
}
datasource db {
  provider = "postgresql"
  url      = env("DATABASE_URL")
}
model Organization {
  id String @id @db.Uuid
  @@map("organizations")
}`;

/** What a service has of Prisma 6; it has the methods that are used here of both. */
interface Prisma6 {
	readonly PrismaClient: typeof PrismaClient;
	readonly PrismaPg: typeof PrismaPg;
}

/** Prisma 6, installed and generated as in a service. */
export async function prisma6(): Promise<Prisma6> {
	const folder = await madeOnce('prisma-6', version, async (folder) => {
		await mkdir(join(folder, 'prisma'));
		await writeFile(join(folder, 'prisma/schema.prisma'), schema);
		await writeFile(join(folder, 'package.json'), '{ "private": true }');
		const packages = ['prisma', '@prisma/client', '@prisma/adapter-pg'].map(
			(name) => `${name}@${version}`,
		);
		const install = ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund'] as const;
		await succeed([...install, '--ignore-scripts', ...packages], { cwd: folder });
		// Its command looks for engines before it generates what needs none.
		const environment = {
			PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
			PRISMA_QUERY_ENGINE_LIBRARY: process.execPath,
		};
		await succeed(['npx', 'prisma', 'generate'], { cwd: folder, environment });
	});
	const require = createRequire(join(folder, 'package.json'));
	return { ...require('@prisma/client'), ...require('@prisma/adapter-pg') };
}
