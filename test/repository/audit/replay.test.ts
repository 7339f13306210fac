import { envelope, Session } from '../../database/session.ts';
import type { LogRow } from './log.ts';

let session: Session;

beforeAll(async () => {
	session = await Session.open();
});

afterAll(() => session.close());

/** What a log makes of an empty table: rows by id, without settings and outcomes of tests. */
function replay(log: readonly LogRow[]): Map<string, Record<string, unknown>> {
	const rows = new Map<string, Record<string, unknown>>();
	for (const { destination_id: id, organization_id, action, version, changes } of log) {
		if (id === null) continue;
		const before = rows.get(id);
		if (action === 'purged') {
			expect(before?.version).toBe(version);
			rows.delete(id);
			continue;
		}
		const { settings: _, ...fields } = changes;
		if (action === 'created') expect(before).toBeUndefined();
		else expect(version).toBe(Number(before?.version) + 1);
		for (const [column, change] of Object.entries(fields)) {
			// What an entry says was there before is what the entries before it made.
			if (before !== undefined)
				expect([column, change.old]).toEqual([column, before[column] ?? null]);
		}
		const after = Object.entries(fields).map(([column, change]) => [column, change.new]);
		rows.set(id, { ...before, organization_id, version, ...Object.fromEntries(after) });
	}
	return rows;
}

/** The table as {@link replay} gives it. */
async function table(): Promise<Map<string, Record<string, unknown>>> {
	const rows = await session.rows<{ id: string; row: Record<string, unknown> }>(
		`SELECT id, jsonb_strip_nulls(to_jsonb(d)
		   - '{id,settings,created_at,updated_at,connection_status,last_tested_at,last_error}'::text[]) AS row
		   FROM destinations d`,
	);
	return new Map(rows.map(({ id, row }) => [id, row]));
}

/** Random, but the same in every run. */
function randomNumbers(seed: number): (below: number) => number {
	let state = seed;
	return (below) => {
		state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
		return Math.floor((state / 2_147_483_648) * below);
	};
}

const sealed = () => JSON.stringify(envelope());

const statements: ((id: string, organization: string, word: string) => string)[] = [
	(id, _, word) => `UPDATE destinations SET name = 'name ${word}' WHERE id = '${id}'`,
	(_, organization, word) =>
		`UPDATE destinations SET description = '${word}' WHERE organization_id = '${organization}'`,
	(id) => `UPDATE destinations SET enabled = NOT enabled, test_mode = true WHERE id = '${id}'`,
	(id) => `UPDATE destinations SET settings = '${sealed()}' WHERE id = '${id}'`,
	(id, _, word) =>
		`UPDATE destinations SET last_tested_at = now(), connection_status = 'failed', last_error = '${word}'
		  WHERE id = '${id}'`,
	(id) => `UPDATE destinations SET deleted_at = now() WHERE id = '${id}'`,
	(id) => `UPDATE destinations SET deleted_at = NULL WHERE id = '${id}'`,
	(id) =>
		`UPDATE destinations SET name = name, required_consent = required_consent WHERE id = '${id}'`,
	(id) => `DELETE FROM destinations WHERE id = '${id}'`,
	(_, organization, word) =>
		`INSERT INTO destinations (organization_id, type, name, settings)
		 VALUES ('${organization}', '${Number(word) % 2 ? 'posthog' : 'console'}', 'new', '${sealed()}')
		 ON CONFLICT DO NOTHING`,
	(id, _, word) =>
		`UPDATE destinations SET required_consent = '{${Number(word) % 2 ? 'marketing' : 'measurement'}}'
		  WHERE id = '${id}'`,
];

test('log and table agree, whoever writes at once and rolls back', async () => {
	const organizations: string[] = [];
	for (let count = 0; count < 3; count += 1) organizations.push(await session.newOrganization());
	const actors = [await session.newUser(), await session.newUser()];
	for (const organization_id of organizations) {
		await session.newDestination({ organization_id });
		await session.newDestination({ organization_id, environment: 'staging' });
	}
	let failed = 0;
	await Promise.all(
		Array.from({ length: 16 }, async (_, writer) => {
			const random = randomNumbers(writer + 1);
			const client = await session.connect();
			await client.query(`SET deadlock_timeout = '5ms'`);
			for (let transaction = 0; transaction < 40; transaction += 1) {
				const organization = organizations[random(3)] ?? '';
				const role = random(2) === 0 ? 'authenticated' : 'service_role';
				const claims = JSON.stringify({ organization_id: organization, sub: actors[random(2)] });
				await client.query('BEGIN');
				await client.query(
					`SELECT set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`,
					[role, claims],
				);
				try {
					for (let left = 1 + random(4); left > 0; left -= 1) {
						const { rows } = await client.query<{ id: string }>(
							'SELECT id FROM destinations WHERE organization_id = $1 ORDER BY id',
							[organization],
						);
						const id = rows[random(rows.length || 1)]?.id ?? actors[0];
						const statement = statements[random(statements.length)];
						if (random(3) === 0) await client.query('SAVEPOINT s');
						await client.query(statement?.(String(id), organization, String(random(1000))) ?? '');
						if (random(6) === 0) {
							await client.query('ROLLBACK').then(() => client.query('BEGIN'));
						}
					}
					await client.query(random(3) === 0 ? 'ROLLBACK' : 'COMMIT');
				} catch {
					failed += 1; // a deadlock, a duplicate, or a tenant that may not delete
					await client.query('ROLLBACK');
				}
			}
		}),
	);
	const log = await session.rows<LogRow>('SELECT * FROM destination_audit_log ORDER BY id');
	expect(log.length).toBeGreaterThan(200);
	expect(failed).toBeLessThan(16 * 40);
	const replayed = replay(log);
	for (const [id, row] of replayed) {
		for (const [column, value] of Object.entries(row)) if (value === null) delete row[column];
		replayed.set(id, row);
	}
	expect(replayed).toEqual(await table());
	expect(JSON.stringify(log)).not.toContain('A256GCM');

	// Of each live destination, each settings but the current ones are there, and of no other any.
	const [kept] = await session.rows<{ missing: string; left: string }>(`
		SELECT (SELECT count(*) FROM destination_audit_log l JOIN destinations d ON d.id = l.destination_id
		         WHERE l.changes ? 'settings' AND l.action <> 'created' AND NOT EXISTS (
		           SELECT FROM destination_settings_history h
		            WHERE h.destination_id = l.destination_id AND h.version = l.version - 1)) AS missing,
		       (SELECT count(*) FROM destination_settings_history h
		         WHERE NOT EXISTS (SELECT FROM destinations d WHERE d.id = h.destination_id)) AS left`);
	expect(kept).toEqual({ missing: '0', left: '0' });
});
