import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FormerDatabase } from '../adoption/former-table.ts';
import { adoptedWell, rowsOf } from '../adoption/state.ts';
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
			const script = await scriptOfTheGuide();
			const theirs = `INSERT INTO public._prisma_migrations (id, checksum, migration_name)
				VALUES ('x', 'x', '20250101000000_theirs')`;
			await host.client.query(theirs);
			await expect(host.client.query(script)).rejects.toThrow('another project');
			await host.client.query(`DELETE FROM public._prisma_migrations WHERE id = 'x'`);
			await host.client.query(script);
			await expectDone(service, host, {
				'migrate deploy': nothingToDo,
				'migrate status': upToDate,
			});
		}));

	test('a table that somebody made by hand (42P07), which is adopted as the guide says', async () => {
		const former = await FormerDatabase.open({ count: 30 });
		try {
			const { client, environment } = former;
			await client.query('CREATE TABLE _prisma_migrations (id integer)');
			const deploy = () => prisma(service, former.url, 'migrate deploy');
			expect(await deploy()).toMatchObject({ status: 1, output: expect.stringContaining('42P07') });
			const commands = (await commandsOf('adopt.md')).filter((line) =>
				line.startsWith('npx consent-destinations adopt'),
			);
			expect(commands).toHaveLength(3);
			for (const [index, command] of commands.entries()) {
				const ended = await service.run(command.replace('npx ', ''), { environment });
				expect([ended.output, ended.status]).toEqual([
					expect.stringContaining(
						['can be adopted', 'Everything is prepared', 'Adopted.'][index] ?? '',
					),
					0,
				]);
			}
			await expectDone(
				service,
				{ connectionString: former.url },
				{
					'migrate deploy': nothingToDo,
					'migrate status': upToDate,
				},
			);
			expect((await client.query('TABLE public._prisma_migrations')).rows).toEqual([]);
			await adoptedWell(former, await rowsOf(client));
		} finally {
			await former.close();
		}
	});

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

/** Lines of shell in a guide, without what is set before a command and the comment behind it. */
async function commandsOf(guide: string): Promise<string[]> {
	const text = await readFile(join(root, 'docs/guides', guide), 'utf8');
	return [...text.matchAll(/```sh\n([\s\S]*?)```/g)]
		.flatMap(([, code = '']) => code.split('\n'))
		.map((line) => line.replace(/#.*/, '').trim());
}

/** What the guide has `psql` run, in one transaction. */
async function scriptOfTheGuide(): Promise<string> {
	const guide = await readFile(join(root, 'docs/guides/migrate.md'), 'utf8');
	const [, script] =
		/```sql\n(DO \$\$ BEGIN\n {2}IF EXISTS \(SELECT FROM public\._prisma[\s\S]*?)```/.exec(guide) ??
		[];
	if (script === undefined) throw new Error('the guide has no such script');
	return script;
}
