import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { codeBlocks, root } from '../docs/markdown.ts';
import { testServer } from '../support/database.ts';
import { Service } from './service.ts';

// A service with tables and a Prisma client of its own, as the guides have it.

const documents = Object.fromEntries(
	['guides/prisma', 'recipes/jest', 'recipes/vitest'].map((name) => {
		const path = `docs/${name}.md`;
		return [name, codeBlocks({ path, text: readFileSync(join(root, path), 'utf8') })];
	}),
);

/** The code of a block of a document. */
function block(
	document: string,
	found: (block: { language: string; flags: readonly string[]; code: string }) => boolean,
): string {
	const code = documents[document]?.find(found)?.code;
	if (code === undefined) throw new Error(`${document} has no such block`);
	return code;
}

const schema = `
generator client {
  provider = "prisma-client"
  output   = "../../generated"
}

datasource db {
  provider = "postgresql"
}

model Order {
  id             Int          @id @default(autoincrement())
  organizationId String       @map("organization_id") @db.Uuid
  organization   Organization @relation(fields: [organizationId], references: [id])

  @@map("orders")
}

${block('guides/prisma', ({ language }) => language === 'prisma')}`;

const use = `
import { PrismaPg } from '@prisma/adapter-pg';
import { destinationsExtension } from '@consent-io/destinations';
import { PrismaClient } from './generated/client';

export const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: '' }) })
	.$extends({ result: { order: { label: { needs: { id: true }, compute: ({ id }) => \`#\${id}\` } } } })
	.$extends(destinationsExtension({ keys: '' }));

export async function use(): Promise<void> {
	const include = { organization: { include: { destinations: true, _count: true } } } as const;
	const order = await prisma.order.findFirstOrThrow({ include });
	order satisfies { id: number; label: string; organization: { title: string; _count: { orders: number } } };
	order.organization.destinations satisfies { name: string }[];
	// @ts-expect-error: orders have no such column
	order.nothing;
	// @ts-expect-error: nor can they be found by it
	await prisma.order.findFirst({ where: { nothing: 1 } });
	const row = await prisma.destination.findFirstOrThrow({ include: { organization: true } });
	row.organization.title satisfies string;
	if (row.type === 'posthog') row.settings.apiKey satisfies string;
	await prisma.$transaction(async (tx) => {
		(await tx.order.count()) satisfies number;
		await tx.destination.restore({ where: { id: '' } });
	});
}
`;

let service: Service;

beforeAll(async () => {
	const isTest =
		(runner: string) =>
		({ flags }: { flags: readonly string[] }) =>
			flags.includes(runner);
	service = await Service.create({
		environment: { PRISMA_SCHEMA_ENGINE_BINARY: join(root, 'prisma/engine/schema-engine.mjs') },
		files: {
			'prisma.config.ts': block('guides/prisma', ({ code }) => code.includes('externalTables')),
			'prisma/schema/shop.prisma': schema,
			'use.ts': use,
			'own.jest.test.js': block('recipes/jest', isTest('jest')),
			'own.vitest.test.mjs': block('recipes/vitest', isTest('vitest')),
			'tsconfig.json': JSON.stringify({
				compilerOptions: {
					...{ target: 'ES2023', module: 'preserve', moduleResolution: 'bundler' },
					...{ types: ['node'], noEmit: true, strict: true, skipLibCheck: true },
				},
				files: ['use.ts'],
			}),
		},
	});
	const models = 'node_modules/@consent-io/destinations/prisma/models/destinations.prisma';
	await service.write({
		'prisma/schema/destinations.prisma': readFileSync(join(service.folder, models), 'utf8'),
	});
});

afterAll(() => service?.remove());

test('its schema takes the models in, its migrations leave the tables alone, and its types are its own', async () => {
	const generated = await service.run('prisma generate');
	expect(generated.output).toContain('Generated Prisma Client');
	const diff = await service.run(
		'prisma migrate diff --from-empty --to-schema prisma/schema --script',
	);
	expect(diff.stdout).toContain('CREATE TABLE "orders"');
	expect(diff.stdout).not.toMatch(/destination/);
	expect(await service.run('tsc -p .')).toMatchObject({ output: '', status: 0 });
});

test.each(['jest own.jest', 'vitest run own.vitest'])(
	'its tests run as the guide shows: %s',
	async (command) => {
		const { output, status } = await service.run(command, {
			environment: { TEST_POSTGRES: testServer().connectionString },
		});
		expect(output).toMatch(/1 passed/);
		expect(status).toBe(0);
	},
);
