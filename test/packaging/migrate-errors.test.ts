import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './made-once.ts';
import {
	applied,
	expectDone,
	nothingToDo,
	offline,
	onHost,
	prisma,
	upToDate,
} from './migrating.ts';
import { Service } from './service.ts';

let service: Service;

beforeAll(async () => {
	service = await Service.create({ environment: offline });
});

afterAll(() => service?.remove());

describe('what goes wrong says what to do:', () => {
	test('a table that does not fit (P3018), and after that until it is resolved (P3009)', () =>
		onHost('CREATE TABLE organizations (id bigint PRIMARY KEY)', async (host) => {
			const url = host.connectionString;
			const first = '20261123000001_platform_tables';
			const failed = await prisma(service, url, 'migrate deploy');
			expect(failed.status).toBe(1);
			expect(failed.output).toContain('P3018');
			expect(failed.output).toContain('must have a column "id" of type uuid');
			await host.client.query('DROP TABLE organizations');
			const next = await prisma(service, url, 'migrate deploy');
			expect(next).toMatchObject({ status: 1, output: expect.stringContaining('P3009') });
			await expectDone(service, host, {
				[`migrate resolve --rolled-back ${first}`]: 'rolled back',
				'migrate deploy': applied,
			});
		}));

	test('a history that an earlier deploy left in public, which moves as the guide says', () =>
		onHost('', async (host) => {
			await service.write({
				'public.config.ts': `import config from '@consent-io/destinations/prisma-config';
					export default { ...config, datasource: { url: String(process.env.DATABASE_URL) } };`,
			});
			await expectDone(service, host, { 'migrate deploy --config public.config.ts': applied });
			const failed = await prisma(service, host.connectionString, 'migrate deploy');
			expect(failed).toMatchObject({ status: 1, output: expect.stringContaining('42723') });
			for (const statement of await statementsOfTheGuide()) await host.client.query(statement);
			await expectDone(service, host, {
				'migrate deploy': nothingToDo,
				'migrate status': upToDate,
			});
		}));

	test('DATABASE_URL, which a file .env may hold', () =>
		onHost('', async (host) => {
			const missing = await service.run('prisma migrate deploy');
			expect(missing.status).toBe(1);
			expect(missing.stderr).toContain('DATABASE_URL is not set');
			const env = `DATABASE_URL="${host.connectionString}?schema=public"\n`;
			const config = "export { default } from '@consent-io/destinations/prisma-config';\n";
			const files = { '.env': env, 'prisma.config.ts': `import 'dotenv/config';\n${config}` };
			for (const type of ['module', undefined] as const) {
				const withFile = await Service.create({
					environment: offline,
					files,
					...(type && { type }),
				});
				try {
					const { output } = await withFile.run('prisma migrate deploy');
					expect(output).toContain(type === 'module' ? applied : nothingToDo);
				} finally {
					await withFile.remove();
				}
			}
			const plain = await Service.create({ environment: offline, files: { '.env': env } });
			try {
				const command = 'node --env-file=.env node_modules/prisma/build/index.js migrate status';
				expect((await plain.run(command)).output).toContain(upToDate);
			} finally {
				await plain.remove();
			}
		}));
});

/** What the guide has `psql` run. */
async function statementsOfTheGuide(): Promise<string[]> {
	const guide = await readFile(join(root, 'docs/guides/migrate.md'), 'utf8');
	const statements = [...guide.matchAll(/ -c '([^']+)'/g)].map(([, sql = '']) => sql);
	expect(statements).toHaveLength(3);
	return statements;
}
