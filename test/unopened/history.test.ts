import { posthogKey } from '../support/destinations.ts';
import { allTroubles, TroubledDatabase } from './troubles.ts';

let database: TroubledDatabase;

beforeAll(async () => {
	database = await TroubledDatabase.open();
});

afterAll(() => database.close());

describe.each(allTroubles)('the history of a destination, where %s', (trouble) => {
	test('says which settings changed where the log knows it', async () => {
		const troubled = database.clientsIn(trouble);
		const target = await database.newTarget();
		const { id, organizationId } = target;
		const own = database.serviceWith(database.db.keys).forOrganization(organizationId);
		await own.destinations.patchSettings(id, { apiKey: posthogKey });
		await own.destinations.patchSettings(id, { enableClientSide: false });
		await troubled.trouble(target);
		const { destinations } = troubled.db.forOrganization(organizationId);
		const { items } = await destinations.history(id, { limit: 2 });
		expect(items.map(({ changedSettings }) => changedSettings)).toEqual([
			['enableClientSide'],
			['apiKey'],
		]);
	});

	test('says that it is not known only where it will not be known later either', async () => {
		const { db, code, opensEarlier, trouble: begin } = database.clientsIn(trouble);
		const target = await database.newTarget();
		const { id, organizationId } = target;
		await database.db.prisma.destination.update({ where: { id }, data: { name: 'renamed' } });
		await begin(target);
		const history = db.forOrganization(organizationId).destinations.history(id);
		if (code === 'KEY_UNAVAILABLE') {
			await expect(history).rejects.toMatchObject({ code, destinationId: id, organizationId });
			return;
		}
		expect(opensEarlier).toBe(code === 'DECRYPTION_FAILED');
		const { items } = await history;
		expect(items.map(({ changedSettings }) => changedSettings)).toEqual([[], null, []]);
	});
});
