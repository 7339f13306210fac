import { startEmbeddedPostgres } from '../../src/testing/embedded-postgres.ts';
import { goesWell, layouts } from './layouts.ts';
import { offline } from './migrating.ts';
import { Service } from './service.ts';

let service: Service;

beforeAll(async () => {
	service = await Service.create({ environment: offline });
});

afterAll(() => service?.remove());

// On the newest Postgres; `npm run test:matrix` does the same on every supported one.
test.each(Object.entries(layouts))(
	'%s is migrated, has logins, and a doctor without a complaint',
	async (_, layout) => {
		// Of its own, because roles are the server's.
		const { connectionString, release } = await startEmbeddedPostgres();
		try {
			await goesWell(service, connectionString, layout);
		} finally {
			await release();
		}
	},
);
