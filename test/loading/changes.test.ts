import { Client } from 'pg';
import type { DestinationsLoader } from '../../src/index.ts';
import { rotateKeys } from '../../src/index.ts';
import { newKeys } from '../support/encryption.ts';
import { Network } from '../support/network.ts';
import { Loading, newApiKey, pause, settled, until } from './loading.ts';

// No change is missed, whoever writes it and however long its transaction was open.

let loading: Loading;
let loader: DestinationsLoader;

beforeAll(async () => {
	loading = await Loading.open();
	loader = await loading.started();
});

afterAll(() => loading[Symbol.asyncDispose]());

type Made = Awaited<ReturnType<Loading['newDestination']>>;

const versions = async ({ organizationId }: Made, by = loader) =>
	(await by.findEnabled(organizationId, 'production')).map(({ version }) => version);

/** A destination that is in memory and at rest: its creation was reported. */
async function loaded(): Promise<Made> {
	const made = await loading.newDestination();
	await versions(made);
	await settled(loader);
	await versions(made);
	return made;
}

async function connected(): Promise<Client & AsyncDisposable> {
	const client = new Client({ connectionString: loading.database.connectionString });
	await client.connect();
	return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

describe('every kind of change', () => {
	const of = ({ organizationId }: Made) => loading.db.forOrganization(organizationId).destinations;
	const system = () => loading.db.asService().destinations;
	const kinds: Record<string, (made: Made) => Promise<unknown>> = {
		'an update of the consent': (made) =>
			of(made).update(made.id, { requiredConsent: ['marketing'] }),
		'an update of the settings': (made) => of(made).patchSettings(made.id, { apiKey: newApiKey() }),
		'switching it off': (made) => of(made).update(made.id, { enabled: false }),
		'test mode': (made) => of(made).update(made.id, { testMode: true }),
		'moving it to another environment': (made) =>
			of(made).update(made.id, { environment: 'staging' }),
		'soft deletion': (made) => of(made).softDelete(made.id),
		'soft deletion and restoring': async (made) => {
			await of(made).softDelete(made.id);
			await of(made).restore(made.id);
		},
		'soft deletion and purging': async (made) => {
			await of(made).softDelete(made.id);
			await system().purge(made.id);
		},
		'going back to an earlier version': async (made) => {
			await of(made).patchSettings(made.id, { apiKey: newApiKey() });
			await of(made).revert(made.id, 1);
		},
		"Prisma's updateMany": (made) =>
			loading.db.forOrganization(made.organizationId).prisma.destination.updateMany({
				data: { testMode: true },
			}),
		'another destination of the organization': (made) =>
			loading.newDestination({
				organizationId: made.organizationId,
				type: 'posthog',
				environment: 'staging',
			}),
		'raw SQL of a superuser': (made) =>
			loading.sql(`UPDATE destinations SET test_mode = true WHERE id = '${made.id}'`),
		'raw SQL of many rows at once': () =>
			loading.sql('UPDATE destinations SET test_mode = NOT test_mode'),
		'DELETE of the row': (made) => loading.sql(`DELETE FROM destinations WHERE id = '${made.id}'`),
		'DELETE of the organization': (made) =>
			loading.sql(`DELETE FROM organizations WHERE id = '${made.organizationId}'`),
		'two statements of one transaction, the second rolled back to a savepoint': (made) =>
			loading.sql(`BEGIN; UPDATE destinations SET test_mode = true WHERE id = '${made.id}'; SAVEPOINT s;
				DELETE FROM destinations WHERE id = '${made.id}'; ROLLBACK TO s; COMMIT`),
		'a subtransaction': (made) =>
			loading.sql(`DO $$ BEGIN BEGIN UPDATE destinations SET enabled = false WHERE id = '${made.id}';
				EXCEPTION WHEN division_by_zero THEN NULL; END; END $$`),
	};

	const state = (made: Made) =>
		loading.sql(
			`SELECT id, environment, required_consent, test_mode, version FROM destinations
			 WHERE organization_id = $1 AND enabled AND deleted_at IS NULL ORDER BY id`,
			[made.organizationId],
		);
	const known = async (made: Made) =>
		(
			await Promise.all(
				(['development', 'staging', 'production'] as const).map((environment) =>
					loader.findEnabled(made.organizationId, environment),
				),
			)
		)
			.flat()
			.map(({ id, environment, requiredConsent, testMode, version }) => ({
				...{ id, environment, required_consent: requiredConsent, test_mode: testMode, version },
			}))
			.sort((one, other) => (one.id < other.id ? -1 : 1));

	test.each(Object.entries(kinds))('%s', async (_, change) => {
		const made = await loaded();
		const before = await known(made);
		await change(made);
		await settled(loader);
		const after = await state(made);
		expect(await known(made)).toEqual(after);
		expect(after).not.toEqual(before);
	});

	test('what changes nothing of an answer forgets nothing', async () => {
		const made = await loaded();
		const before = await loader.findEnabled(made.organizationId, 'production');
		await loading.sql(
			`UPDATE destinations SET connection_status = 'failed', last_tested_at = now() WHERE id = '${made.id}'`,
		);
		const user = await loading.sql<{ id: string }>('INSERT INTO users DEFAULT VALUES RETURNING id');
		await loading.sql('DELETE FROM users WHERE id = $1', [user[0]?.id]);
		await rotateKeys({
			connectionString: loading.database.logins.serviceConnectionString,
			keys: `${newKeys('next')},${loading.keys}`,
		});
		await settled(loader);
		expect(loader.peek(made.organizationId, 'production')).toBe(before);
	});
});

// Wrong where the next poll begins behind the last snapshot (`since = xmax`), or behind the last entry (`id > last`).
test('a transaction that commits after later ones, and after many polls, is known', async () => {
	await using slow = await connected();
	const [first, second] = [await loaded(), await loaded()];
	await slow.query(`BEGIN; UPDATE destinations SET test_mode = true WHERE id = '${first.id}'`);
	for (let round = 0; round < 3; round += 1) {
		await loading.sql(
			`UPDATE destinations SET test_mode = NOT test_mode WHERE id = '${second.id}'`,
		);
		await settled(loader);
		expect(await versions(second)).toEqual([round + 2]);
		expect(await versions(first)).toEqual([1]);
	}
	await slow.query('COMMIT');
	await settled(loader);
	expect(await versions(first)).toEqual([2]);
});

test('a transaction that stays open has no poll repeat what others changed meanwhile', async () => {
	await using slow = await connected();
	const [held, changed] = [await loaded(), await loaded()];
	await slow.query(`BEGIN; UPDATE destinations SET test_mode = true WHERE id = '${held.id}'`);
	await loading.sql(`UPDATE destinations SET test_mode = true WHERE id = '${changed.id}'`);
	await settled(loader);
	const { invalidations } = loader.metrics();
	const answer = await loader.findEnabled(changed.organizationId, 'production');
	for (let round = 0; round < 3; round += 1) await settled(loader);
	expect(loader.metrics().invalidations).toBe(invalidations);
	expect(loader.peek(changed.organizationId, 'production')).toBe(answer);
	await slow.query('ROLLBACK');
});

test('what changed while it was read is read again', async () => {
	await using proxy = await Network.before(loading.database.connectionString);
	await using own = await loading.started({
		connectionString: proxy.url(loading.database.logins.loaderConnectionString),
		// Two, so that a poll passes a read whose answer is slow.
		pool: { max: 2 },
	});
	const made = await loading.newDestination();
	await settled(own);
	proxy.holdAnswerTo(made.organizationId);
	const reading = versions(made, own);
	await until(() => proxy.holds);
	// By now the statement has its snapshot.
	await pause(50);
	await loading.sql(`UPDATE destinations SET test_mode = true WHERE id = '${made.id}'`);
	await settled(own);
	const asked = versions(made, own);
	proxy.release();
	expect([await reading, await asked]).toEqual([[2], [2]]);
	await settled(own);
	expect(await versions(made, own)).toEqual([2]);
});

test('entries of a restored log with ids of transactions to come are quiet', async () => {
	const made = await loaded();
	const answer = await loader.findEnabled(made.organizationId, 'production');
	await loading.sql('SET session_replication_role = replica');
	await loading.sql(
		`INSERT INTO destination_audit_log (organization_id, action, role, login, transaction_id)
		 VALUES ($1, 'updated', 'x', 'x', $2)`,
		[made.organizationId, String(2n ** 40n)],
	);
	await loading.sql('RESET session_replication_role');
	for (let round = 0; round < 3; round += 1) await settled(loader);
	expect(loader.peek(made.organizationId, 'production')).toBe(answer);
});

test('a writer whose triggers are off is not seen, until resync()', async () => {
	const made = await loaded();
	await loading.sql('SET session_replication_role = replica');
	await loading.sql(`UPDATE destinations SET version = 7 WHERE id = '${made.id}'`);
	await loading.sql('RESET session_replication_role');
	await settled(loader);
	expect(await versions(made)).toEqual([1]);
	await loader.resync();
	expect(await versions(made)).toEqual([7]);
});

test('more changes than are worth naming forget everything', async () => {
	const made = await loaded();
	const changes: unknown[] = [];
	const note = (change: unknown) => changes.push(change);
	loader.on('change', note);
	await loading.sql('SET session_replication_role = replica');
	await loading.sql(
		`INSERT INTO destination_audit_log (organization_id, action, role, login, transaction_id)
		 SELECT gen_random_uuid(), 'updated', 'x', 'x', pg_current_xact_id()::text::bigint FROM generate_series(1, 10001)`,
	);
	await loading.sql('RESET session_replication_role');
	await settled(loader);
	await until(() => changes.length > 0);
	loader.off('change', note);
	expect(changes).toEqual([{ organizationIds: 'all' }]);
	expect(await versions(made)).toEqual([1]);
});

test('listeners are told what changed, and one that was taken off is not', async () => {
	const made = await loaded();
	const changes: string[] = [];
	const note = ({ organizationIds }: { organizationIds: readonly string[] | 'all' }) => {
		changes.push(...organizationIds);
	};
	loader.on('change', note);
	await loading.sql(`UPDATE destinations SET test_mode = true WHERE id = '${made.id}'`);
	await until(() => changes.includes(made.organizationId));
	loader.off('change', note);
	changes.length = 0;
	await loading.sql(`UPDATE destinations SET test_mode = false WHERE id = '${made.id}'`);
	await settled(loader);
	expect(changes).toEqual([]);
	expect(() => loader.on('changed' as 'change', note)).toThrow(/must be one of/);
	expect(() => loader.on('change', 'x' as never)).toThrow(/must be a function/);
});
