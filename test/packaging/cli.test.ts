import { randomUUID } from 'node:crypto';
import { withClient } from '../../src/testing/databases.ts';
import { createTestDatabase } from '../support/database.ts';
import { esm } from './programs.ts';
import { Service } from './service.ts';

let service: Service;

beforeAll(async () => {
	service = await Service.create();
});

afterAll(() => service?.remove());

test('`npx consent-destinations` says what it can', async () => {
	const { status, stdout } = await service.run('consent-destinations --help');
	expect(status).toBe(0);
	for (const command of ['keygen', 'doctor', 'verify', 'rotate']) expect(stdout).toContain(command);
});

test('a key that it makes seals what a service writes, and it opens it again', async () => {
	const made = await service.run('consent-destinations keygen');
	const key = /[\w-]+:[0-9a-f]{64}/.exec(made.stdout)?.[0] ?? '';
	const database = await createTestDatabase();
	try {
		const { connectionString } = database;
		const organization = randomUUID();
		await withClient(connectionString, (client) =>
			client.query('INSERT INTO organizations VALUES ($1)', [organization]),
		);
		const environment = { DATABASE_URL: connectionString, DESTINATIONS_ENCRYPTION_KEYS: key };
		const written = await service.run('node --input-type=module', {
			input: esm,
			environment: {
				...environment,
				ORGANIZATION_ID: organization,
				OTHER_ORGANIZATION_ID: randomUUID(),
			},
		});
		expect(written.status).toBe(0);
		const verified = await service.run('consent-destinations verify', { environment });
		expect(verified.stdout).toContain(key.split(':')[0]);
		expect(verified.status).toBe(0);

		const other = (await service.run('consent-destinations keygen')).stdout;
		const withAnother = await service.run('consent-destinations verify', {
			environment: {
				...environment,
				DESTINATIONS_ENCRYPTION_KEYS: /[\w-]+:[0-9a-f]{64}/.exec(other)?.[0] ?? '',
			},
		});
		expect(withAnother.status).toBe(1);
		expect(withAnother.output).not.toContain(key);
	} finally {
		await database.drop();
	}
});
