import { randomUUID } from 'node:crypto';
import { byPrimaryKey, MaintenanceConnection } from '../../src/rotation/maintenance-connection.ts';
import {
	replacePage,
	type Statement,
	selectAgain,
	selectPage,
} from '../../src/rotation/statements.ts';
import { type Service, startService } from '../support/service.ts';
import { encryptedTable } from './rows.ts';

let service: Service;
let connection: MaintenanceConnection;

beforeAll(async () => {
	service = await startService();
	connection = await MaintenanceConnection.open(service);
});
afterAll(async () => {
	await connection[Symbol.asyncDispose]();
	await service.stop();
});

async function plan({ text, values }: Statement): Promise<string> {
	const explain = { text: `EXPLAIN (COSTS OFF) ${text}`, values };
	const lines = await connection.run<Record<'QUERY PLAN', string>>(explain, byPrimaryKey);
	return lines.map((line) => line['QUERY PLAN']).join('\n');
}

describe.each([
	['destinations', randomUUID()],
	['destination_settings_history', `${randomUUID()},1`],
] as const)('pages of %s', (table, key) => {
	const store = encryptedTable(table);
	const wanted = { plaintext: true };

	test.each<[string, Statement]>([
		['the first page', selectPage(store, wanted, undefined, 250)],
		['a page', selectPage(store, wanted, key, 250)],
		[
			'a page of one organization',
			selectPage(store, { ...wanted, organizationId: randomUUID() }, key, 250),
		],
		['rows that were held', selectAgain(store, wanted, [key])],
		['rows to replace', replacePage(store, [{ rowId: key, old: 'ct', sealed: '{}' }])],
	])('%s is found without reading the whole table', async (_, statement) => {
		const found = await plan(statement);
		expect(found).toContain(`on ${table}`);
		expect(found).not.toContain('Seq Scan');
	});
});

test('earlier settings of one organization are found by its destinations', async () => {
	const wanted = { plaintext: true, organizationId: randomUUID() };
	const store = encryptedTable('destination_settings_history');
	expect(await plan(selectPage(store, wanted, undefined, 250))).toMatch(
		/Index Cond: .*destination_id = /,
	);
});
