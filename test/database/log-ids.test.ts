import { rotateKeys } from '../../src/index.ts';
import { newKey } from '../rotation/sealed-service.ts';
import { type Service, startService } from '../support/service.ts';

// Rows that come without their sequence, as by a data-only restore or logical replication, leave it behind the ids
// that are there.

let service: Service;

beforeAll(async () => {
	service = await startService();
});
afterAll(() => service.stop());

/** Puts the sequence where a restore leaves it; returns the newest id there is. */
async function setBack(to: number): Promise<bigint> {
	await service.admin.query(`SELECT setval('destination_audit_log_id_seq', $1)`, [to]);
	return newest();
}

async function newest(): Promise<bigint> {
	const { rows } = await service.admin.query('SELECT max(id)::text FROM destination_audit_log');
	return BigInt(rows[0].max);
}

async function newDestination() {
	const tenant = await service.tenant();
	const { organizationId, destinations } = tenant;
	const { id } = await destinations.create({
		...{ organizationId, type: 'console', name: 'x', environment: 'production', settings: {} },
	});
	return { ...tenant, id };
}

const writes: Record<string, () => Promise<unknown>> = {
	create: newDestination,
	'create by Prisma': async () => {
		const { organizationId, prisma } = await service.tenant();
		await prisma.destination.create({ data: { organizationId, type: 'console', name: 'x' } });
	},
	'rotation of keys': () =>
		rotateKeys({
			connectionString: service.connectionString,
			keys: `new:${newKey()},${service.keys}`,
		}),
};
for (const [name, work] of Object.entries({
	update: ({ destinations, id }) => destinations.update(id, { name: 'y' }),
	'connection test': ({ destinations, id }) => destinations.testConnection(id),
	'soft delete': ({ destinations, id }) => destinations.softDelete(id),
	purge: async ({ destinations, id }) => {
		await destinations.softDelete(id);
		await service.db.asService().destinations.purge(id);
	},
} satisfies Record<string, (of: Awaited<ReturnType<typeof newDestination>>) => Promise<unknown>>)) {
	writes[name] = async () => {
		const made = await newDestination();
		await setBack(1);
		await work(made);
	};
}

test.each(Object.entries(writes))(
	'%s writes an entry behind those that are there',
	async (_, write) => {
		await newDestination();
		const before = await setBack(1);
		await write();
		const { rows } = await service.admin.query(
			'SELECT count(*)::int AS count FROM destination_audit_log WHERE id > $1',
			[before],
		);
		expect(rows[0].count).toBeGreaterThan(0);
		expect(await newest()).toBeGreaterThan(before);
	},
);

test('a sequence that is just behind loses nothing to writers who come at once', async () => {
	const made = await Promise.all(Array.from({ length: 8 }, newDestination));
	for (let round = 0; round < 20; round += 1) {
		const top = await newest();
		const before = await setBack(Math.max(1, Number(top) - (round % 5)));
		await Promise.all(
			made.map(({ destinations, id }) => destinations.update(id, { name: `name ${round}` })),
		);
		const { rows } = await service.admin.query(
			`SELECT count(*)::int AS count FROM destination_audit_log WHERE id > $1`,
			[before],
		);
		expect(rows[0].count).toBe(made.length);
	}
});

test('an ordinary write leaves no gap', async () => {
	const { destinations, id } = await newDestination();
	const before = await newest();
	await destinations.update(id, { name: 'z' });
	expect(await newest()).toBe(before + 1n);
});

test('nobody writes to the log by hand, though its newest id is looked up', async () => {
	await expect(
		service.admin.query(
			`INSERT INTO destination_audit_log (action, role, login, transaction_id) VALUES ('updated', 'x', 'x', 1)`,
		),
	).rejects.toThrow('only changes of destinations write the log');
});
