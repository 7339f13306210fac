import { Examined } from './examined.ts';

let examined: Examined;

beforeAll(async () => {
	examined = await Examined.open();
});
afterAll(() => examined.close());

async function logFindings() {
	const sections = await examined.sections();
	return sections.find(({ name }) => name === 'log')?.findings ?? [];
}

/** So many entries, one each hour, the last of them now. */
const entries = (hours: number) => `SET session_replication_role = replica;
	DELETE FROM destination_audit_log;
	INSERT INTO destination_audit_log (action, role, login, transaction_id, recorded_at)
		SELECT 'created', 'x', 'x', 1, now() - (${hours} - n) * interval '1 hour' FROM generate_series(1, ${hours}) AS n;
	RESET session_replication_role`;

test('an empty log', async () => {
	expect(await logFindings()).toContainEqual({
		severity: 'ok',
		message: 'The log has no entries yet',
	});
});

test('says how large it is, how fast it grows, and what a retention would leave', async () => {
	await examined.run(entries(100 * 24));
	const [, size] = await logFindings();
	expect(size).toMatchObject({ severity: 'ok' });
	expect(size?.message).toMatch(
		/^The log has about 2,400 entries, [\d.]+ (kB|MB), of 99 days, and grows by about 24 entries, [\d.]+ kB a day\. Under a retention of 90 days about 2,160 entries, .*, of 400 days about 2,400 entries, .* would stay$/,
	);
	// Statistics count; ids have gaps.
	await examined.run(
		'SET session_replication_role = replica; DELETE FROM destination_audit_log WHERE id % 2 = 0; RESET session_replication_role',
	);
	await examined.run('ANALYZE destination_audit_log');
	const [, half] = await logFindings();
	expect(half?.message).toMatch(/^The log has about 1,200 entries.* by about 12 entries/);
});

test('does not say what will be from less than a day', async () => {
	await examined.run(entries(11));
	const [, size] = await logFindings();
	expect(size).toEqual({
		severity: 'ok',
		message: expect.stringMatching(
			/^The log has about 11 entries, \d+ kB, of less than a day: how it grows does not show yet$/,
		),
	});
	await examined.run(entries(1));
	expect((await logFindings())[1]?.message).toMatch(/^The log has about 1 entry, /);
});

test('says that entries may go which are older than thirteen months', async () => {
	await examined.run(`${entries(500 * 24)}; ANALYZE destination_audit_log`);
	const [, size] = await logFindings();
	expect(size).toMatchObject({ severity: 'note' });
	expect(size?.fix).toContain('purge --log-older-than 400d');
	expect(size?.message).toMatch(/of 400 days about 9,600 entries/);
});

test('looks at some entries, however many there are', async () => {
	await examined.run(`${entries(40_000)}; ANALYZE destination_audit_log`);
	const before = await rowsRead();
	await logFindings();
	expect((await rowsRead()) - before).toBeLessThan(300);
});

async function rowsRead(): Promise<number> {
	const [row] = await examined.deployment.rows<{ read: string }>(
		`SELECT seq_tup_read + idx_tup_fetch AS read FROM pg_stat_user_tables WHERE relname = 'destination_audit_log'`,
	);
	return Number(row?.read);
}
