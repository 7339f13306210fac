import { type DiagnoseOptions, diagnose } from '../../src/doctor/diagnose.ts';
import { openCrowd } from '../repository/bounded-calls.ts';
import { costOf } from '../repository/cost.ts';
import { type Service, startService } from '../support/service.ts';

let service: Service;
const organizations = 5_000;

beforeAll(async () => {
	service = await startService();
});

afterAll(() => service.stop());

async function costOfDiagnosis() {
	const { connectionString, keys } = service;
	const options: DiagnoseOptions = { connectionString, keys };
	let found: readonly { readonly message: string }[] = [];
	const cost = await costOf(async () => {
		found = (await diagnose(options)).flatMap(({ findings }) => findings);
	});
	return { ...cost, messages: found.map(({ message }) => message) };
}

test('a diagnosis sends and receives as much of thousands of rows as of none', async () => {
	const empty = await costOfDiagnosis();
	const crowd = await openCrowd(service);
	const { admin } = service;
	await admin.query('SET session_replication_role = replica');
	// An organization each with a data key of its own, of which half are gone, and rows of keys that nobody knows.
	await admin.query(
		`WITH made AS (INSERT INTO organizations SELECT FROM generate_series(1, $1) RETURNING id),
		 keys AS (
			INSERT INTO destination_data_keys (id, organization_id, wrapped_key)
			SELECT gen_random_uuid(), id, '\\x01' FROM made RETURNING id, organization_id)
		 INSERT INTO destinations (organization_id, type, name, settings)
		 SELECT organization_id, 'mixpanel', 'x', settings || jsonb_build_object('kid', CASE
			WHEN n % 4 < 2 THEN keys.id::text WHEN n % 4 = 2 THEN gen_random_uuid()::text ELSE 'key' || n END)
		   FROM (SELECT *, row_number() OVER () AS n FROM keys) AS keys,
		        (SELECT settings FROM destinations WHERE id = $2) AS sealed`,
		[organizations, crowd.id],
	);
	await admin.query('RESET session_replication_role');
	const full = await costOfDiagnosis();
	expect(full.messages).toEqual(
		expect.arrayContaining([
			expect.stringMatching(/^2,500 data keys of organizations encrypted 2,500 rows/),
			expect.stringMatching(/^1,250 data keys that encrypted 1,250 rows are gone/),
			expect.stringMatching(/^Key test encrypted \d/),
			expect.stringMatching(/^More than 200 keys are in use/),
		]),
	);
	expect(full.statements).toBe(empty.statements);
	expect(full.kilobytes).toBeLessThan(empty.kilobytes + 20);
	expect(full.messages.length).toBeLessThan(empty.messages.length + 210);
	expect(full.blockedMs).toBeLessThan(150);
});
