import { randomBytes, randomUUID } from 'node:crypto';
import { withClient } from '../../src/testing/databases.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import type { Ended } from './command.ts';
import { cjs, esm, found, jestTest, vitestTest } from './programs.ts';
import { Service } from './service.ts';

let database: TestDatabase;
let withoutType: Service;
let withType: Service;

beforeAll(async () => {
	database = await createTestDatabase();
	const organizations = { ORGANIZATION_ID: randomUUID(), OTHER_ORGANIZATION_ID: randomUUID() };
	await withClient(database.connectionString, (client) =>
		client.query('INSERT INTO organizations SELECT unnest($1::uuid[])', [
			Object.values(organizations),
		]),
	);
	const environment = {
		DATABASE_URL: database.connectionString,
		DESTINATIONS_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('hex')}`,
		...organizations,
	};
	withoutType = await Service.create({
		environment,
		files: {
			'main.mjs': esm,
			'main.cjs': cjs,
			'typescript.ts': esm,
			'service.test.js': jestTest,
		},
	});
	withType = await Service.create({
		type: 'module',
		environment,
		files: { 'typescript.ts': esm, 'service.test.js': vitestTest },
	});
});

afterAll(async () => {
	await withoutType?.remove();
	await withType?.remove();
	await database?.drop();
});

function expectFound({ status, stdout, output }: Ended): void {
	if (status !== 0) throw new Error(output);
	expect(JSON.parse(stdout)).toEqual(found);
}

describe('writes and reads as an organization, loaded by', () => {
	test('node, as an ES module and as CommonJS, without a warning', async () => {
		const esModule = await withoutType.run('node --input-type=module', { input: esm });
		expectFound(esModule);
		expect(esModule.stderr).toBe('');
		const commonJs = await withType.run('node --input-type=commonjs', { input: cjs });
		expectFound(commonJs);
		expect(commonJs.stderr).toBe('');
	});

	test('Jest, which is CommonJS', async () => {
		const { status, output } = await withoutType.run('jest --rootDir .');
		expect(output).toContain('1 passed');
		expect(output).not.toMatch(/did not exit|open handle|failed to exit/);
		expect(status).toBe(0);
	});

	test('Vitest', async () => {
		const { status, output } = await withType.run('vitest run');
		expect(output).toMatch(/Tests +1 passed/);
		expect(status).toBe(0);
	});

	test('tsx, with and without "type": "module"', async () => {
		expectFound(await withType.run('tsx typescript.ts'));
		expectFound(await withoutType.run('tsx typescript.ts'));
	});

	test.each(['esm', 'cjs'])(
		'a bundle of esbuild as %s that leaves the package out',
		async (format) => {
			const extension = format === 'esm' ? 'mjs' : 'cjs';
			const bundled = await withoutType.run(
				`esbuild main.mjs --bundle --platform=node --format=${format} --packages=external --outfile=bundle.${extension}`,
			);
			expect(bundled.status).toBe(0);
			expectFound(await withoutType.run(`node bundle.${extension}`));
		},
	);
});
