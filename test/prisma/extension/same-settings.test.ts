import { createDestinationsClient } from '../../../src/index.ts';
import {
	ExtendedDatabase,
	type LooseClient,
	loose,
	newKeys,
	posthogSettings,
	run,
} from '../../support/extended-client.ts';

// Settings are compared, and not their ciphertexts: what changes nothing writes nothing.

let db: ExtendedDatabase;
let service: ReturnType<typeof createDestinationsClient>;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
	service = createDestinationsClient({ connectionString: db.connectionString, keys: db.keys });
});

afterAll(async () => {
	await service.close();
	await db.close();
});

interface Row {
	id: string;
	organizationId: string;
}

/** Every write that gives an existing row settings. */
const writes: [string, string, string, (row: Row, data: object) => object][] = [
	['update', 'destination', 'update', ({ id }, data) => ({ where: { id }, data })],
	[
		'an update by the whole identity',
		'destination',
		'update',
		(row, data) => ({ where: { ...row, type: 'posthog' }, data }),
	],
	[
		'upsert',
		'destination',
		'upsert',
		({ id, organizationId }, update) => ({
			where: { id },
			create: { id, organizationId, type: 'posthog', name: 'new', settings: posthogSettings() },
			update,
		}),
	],
	[
		'a nested update',
		'organization',
		'update',
		({ id, organizationId }, data) => ({
			where: { id: organizationId },
			data: { destinations: { update: { where: { id }, data } } },
		}),
	],
	[
		'a nested upsert',
		'organization',
		'update',
		({ id, organizationId }, update) => ({
			where: { id: organizationId },
			data: {
				destinations: {
					upsert: {
						where: { id },
						create: { id, type: 'posthog', name: 'new', settings: posthogSettings() },
						update,
					},
				},
			},
		}),
	],
];

const roads: [string, (work: (client: LooseClient) => PromiseLike<unknown>) => unknown][] = [
	['the extension', (work) => work(loose(db.prisma))],
	['its transaction', (work) => db.prisma.$transaction(async (tx) => work(loose(tx)))],
	['a scope', (work) => work(loose(service.asService().prisma))],
	[
		'its transaction',
		(work) => service.asService().prisma.$transaction(async (tx) => work(loose(tx))),
	],
];

async function stateOf(id: string) {
	const log = await db.sql('SELECT * FROM destination_audit_log WHERE destination_id = $1', [id]);
	const history = await db.sql(
		'SELECT * FROM destination_settings_history WHERE destination_id = $1',
		[id],
	);
	return { row: await db.stored(id), log, history };
}

describe.each(roads)('%s', (_, by) => {
	it.each(writes)('%s of the same settings changes nothing', async (__, model, operation, make) => {
		const { id, organizationId, settings } = await db.newDestination();
		await db.tamper(id, "connection_status = 'connected'");
		const before = await stateOf(id);
		// In another order, and with a default left out.
		const { host: ___, ...rest } = settings as ReturnType<typeof posthogSettings>;
		const same = Object.fromEntries(Object.entries(rest).reverse());
		await by((client) =>
			run(client, model, operation, make({ id, organizationId }, { settings: same })),
		);
		expect(await stateOf(id)).toEqual(before);
	});

	it.each(writes)('%s of other settings is a change', async (__, model, operation, make) => {
		const { id, organizationId } = await db.newDestination();
		const settings = posthogSettings();
		await by((client) => run(client, model, operation, make({ id, organizationId }, { settings })));
		const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
		expect(read).toMatchObject({ settings, version: 2 });
	});

	it.each(writes)('%s writes the other columns', async (__, model, operation, make) => {
		const { id, organizationId, settings } = await db.newDestination();
		const { history } = await stateOf(id);
		await by((client) =>
			run(client, model, operation, make({ id, organizationId }, { settings, name: 'renamed' })),
		);
		const after = await stateOf(id);
		expect(after.row).toMatchObject({ name: 'renamed', version: 2 });
		expect(after.history).toEqual(history);
	});

	it.each(writes)(
		'%s is a change where the old settings do not open',
		async (__, model, operation, make) => {
			const { id, organizationId, settings } = await db.newDestination();
			await db.tamper(id, `settings = jsonb_set(settings, '{ct}', '"${'A'.repeat(80)}"')`);
			await by((client) =>
				run(client, model, operation, make({ id, organizationId }, { settings })),
			);
			const read = await db.prisma.destination.findUniqueOrThrow({ where: { id } });
			expect(read).toMatchObject({ settings, version: 2 });
		},
	);
});

it('leaves settings under a key that is being retired as they are', async () => {
	const { id, settings } = await db.newDestination();
	const before = await stateOf(id);
	const prisma = db.connect(`${newKeys('2026-12')},${db.keys}`);
	await prisma.destination.update({ where: { id }, data: { settings } });
	expect(await stateOf(id)).toEqual(before);
});
