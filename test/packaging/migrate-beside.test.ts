import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './made-once.ts';
import {
	applied,
	expectDone,
	nothingToDo,
	offline,
	onHost,
	own,
	prisma,
	tables,
	upToDate,
} from './migrating.ts';
import { external, otherProject } from './other-project.ts';
import { Service } from './service.ts';

let theirs: Service;

beforeAll(async () => {
	theirs = await Service.create({ type: 'module', environment: offline, files: otherProject });
});

afterAll(() => theirs?.remove());

describe('in a database of another Prisma project', () => {
	const ours = '--config destinations.config.ts';

	test('that has the tables of the platform, both deploy and tell their status in either order', () =>
		onHost('', async (host) => {
			await expectDone(theirs, host, {
				'migrate deploy': applied,
				[`migrate deploy ${ours}`]: applied,
				'migrate deploy ': nothingToDo,
				[`migrate status ${ours}`]: upToDate,
				'migrate status': upToDate,
			});
			const doctor = await theirs.run('consent-destinations doctor', {
				environment: { DATABASE_URL: host.connectionString },
			});
			expect(doctor.output).toMatch(/All \d+ migrations have run/);
			expect(await tables(host.client)).toEqual([
				'destinations_migrations._prisma_migrations',
				'public._prisma_migrations',
				...own,
				'public.organizations',
				'public.users',
			]);
		}));

	test('of which the guide names all tables that are not its own', async () => {
		const guide = await readFile(join(root, 'docs/guides/migrate.md'), 'utf8');
		const named = [...guide.matchAll(/^\t\t\t'(public\.\w+)',/gm)].map(([, name]) => name);
		expect(named).toEqual(external);
		expect(external).toEqual(expect.arrayContaining(own));
	});

	test('that has other tables, which may come later if it says that ours are not its own', () =>
		onHost('', async (host) => {
			await expectDone(theirs, host, { [`migrate deploy ${ours}`]: applied });
			const without = await prisma(
				theirs,
				host.connectionString,
				'migrate deploy --config invoices.config.ts',
			);
			expect(without).toMatchObject({ status: 1, output: expect.stringContaining('P3005') });
			const theirsWith = '--config invoices-beside-destinations.config.ts';
			await expectDone(theirs, host, {
				[`migrate deploy ${theirsWith}`]: applied,
				[`migrate status ${theirsWith}`]: upToDate,
				[`migrate status ${ours}`]: upToDate,
				// Without that it would ask to reset the database.
				[`migrate dev --create-only --name next ${theirsWith}`]: 'without applying it',
			});
		}));
});
