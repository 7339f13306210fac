import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { withClient } from '../../src/testing/databases.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { root } from './made-once.ts';
import { cjs, found } from './programs.ts';
import { Service } from './service.ts';

// A service that has the oldest pg that package.json admits, with the package as it was packed.

let database: TestDatabase;
let service: Service;

beforeAll(async () => {
	database = await createTestDatabase();
	const organizations = [randomUUID(), randomUUID()] as const;
	await withClient(database.connectionString, (client) =>
		client.query('INSERT INTO organizations SELECT unnest($1::uuid[])', [organizations]),
	);
	service = await Service.create({
		environment: {
			DATABASE_URL: database.connectionString,
			DESTINATIONS_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('hex')}`,
			ORGANIZATION_ID: organizations[0],
			OTHER_ORGANIZATION_ID: organizations[1],
		},
		others: { pg: join(root, 'node_modules/pg-oldest') },
	});
});

afterAll(async () => {
	await service?.remove();
	await database?.drop();
});

test('it is the only pg that the package finds', async () => {
	const { stdout } = await service.run('node --input-type=commonjs', {
		input: `
			const { createRequire } = require('node:module');
			const { readFileSync } = require('node:fs');
			const { join } = require('node:path');
			const ofPackage = createRequire(require.resolve('@consent-io/destinations'));
			const found = [require.resolve('pg'), ofPackage.resolve('pg')];
			const manifest = JSON.parse(readFileSync(join(found[0], '../../package.json'), 'utf8'));
			console.log(JSON.stringify({ one: found[0] === found[1], version: manifest.version }));`,
	});
	expect(JSON.parse(stdout)).toEqual({ one: true, version: '8.16.0' });
});

test('it writes and reads by the repository and by Prisma', async () => {
	const { stdout, output, status } = await service.run('node --input-type=commonjs', {
		input: cjs,
	});
	if (status !== 0) throw new Error(output);
	expect(JSON.parse(stdout)).toEqual(found);
});
