import { columnName } from '../../../src/destinations/columns.ts';
import { changeableFields } from '../../../src/destinations/input-schemas.ts';
import type { UpdateDestinationInput } from '../../../src/index.ts';
import { posthog } from '../../support/destinations.ts';
import { type Service, startService } from '../../support/service.ts';

// What a new column needs in the migrations, where nothing else would miss it: the right to write it, its change in
// the log, and its place in the configuration by which a version is brought back.

let service: Service;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

/** Other values than a new destination has. */
const changes: Required<Omit<UpdateDestinationInput, 'settings'>> = {
	name: 'Renamed',
	description: 'For the shop',
	environment: 'staging',
	requiredConsent: ['marketing'],
	enabled: false,
	testMode: true,
};

async function tenant() {
	const organizationId = await service.createOrganization();
	const { destinations } = service.db.forOrganization(organizationId);
	return { destinations, made: await destinations.create(posthog(organizationId)) };
}

test('every field that may change is tried', () => {
	expect(Object.keys(changes).sort()).toEqual([...changeableFields].sort());
});

test.each(Object.entries(changes))(
	'an organization changes %s, the log says so, and a revert brings it back',
	async (field, value) => {
		const { destinations, made } = await tenant();
		const old = new Map<string, unknown>(Object.entries(made)).get(field);
		const changed = await destinations.update(made.id, { [field]: value });
		expect(changed).toMatchObject({ [field]: value, version: 2 });
		const { items } = await destinations.history(made.id);
		expect(items[0]?.changes).toEqual({ [field]: { old, new: value } });
		const back = await destinations.revert(made.id, 1);
		expect(back).toEqual({ ...made, version: 3, updatedAt: back.updatedAt });
	},
);

test('the log keeps all of them at each checkpoint', async () => {
	const { destinations, made } = await tenant();
	await service.admin.query('SET session_replication_role = replica');
	await service.admin.query('UPDATE destinations SET version = 99 WHERE id = $1', [made.id]);
	await service.admin.query('SET session_replication_role = DEFAULT');
	await destinations.update(made.id, changes);
	const { rows } = await service.admin.query(
		'SELECT configuration FROM destination_audit_log WHERE destination_id = $1 AND version = 100',
		[made.id],
	);
	const expected = Object.entries(changes).map(([field, value]) => [columnName(field), value]);
	expect(rows).toEqual([{ configuration: Object.fromEntries(expected) }]);
});

test('an organization creates one with all of them', async () => {
	const organizationId = await service.createOrganization();
	const { destinations } = service.db.forOrganization(organizationId);
	expect(await destinations.create({ ...posthog(organizationId), ...changes })).toMatchObject(
		changes,
	);
});
