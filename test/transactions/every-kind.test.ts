/** Every kind of transaction that a service may pass, and everything that works on it. */
import { randomUUID } from 'node:crypto';
import {
	AlreadyExistsError,
	ForbiddenError,
	type HostTransaction,
	type JoinedScope,
	NotFoundError,
	type ScopedTransaction,
	UnsupportedError,
	ValidationError,
} from '../../src/index.ts';
import { everyCall, outsideTransactions, unlisted } from '../repository/every-call.ts';
import { type Service, startService } from '../support/service.ts';
import { everythingSet, type Host, type HostConnection, hosts } from './hosts.ts';

let service: Service;
let organizationId: string;
let other: string;
let actorId: string;

beforeAll(async () => {
	service = await startService();
	organizationId = await service.createOrganization();
	other = await service.createOrganization();
	actorId = await service.createUser();
	await service.admin.query('CREATE TABLE orders (id uuid PRIMARY KEY, amount integer)');
	await service.admin.query('CREATE ROLE host_role_of_transactions').catch(() => {});
	await service.admin.query('GRANT ALL ON orders, organizations TO host_role_of_transactions');
});

afterAll(async () => {
	await service?.admin.query('DROP OWNED BY host_role_of_transactions').catch(() => {});
	await service?.stop();
});

const input = (of: string) =>
	({
		organizationId: of,
		type: 'posthog',
		name: `O'Reilly \\ "$1" ?, {é}`,
		environment: 'production',
		settings: { apiKey: 'phc_first' },
		requiredConsent: ['measurement', 'marketing'],
	}) as const;

class RolledBack extends Error {}

const forOrganization = (transaction: HostTransaction, id = organizationId) =>
	service.db.forOrganization(id, { actorId, transaction });

/** What `scope.transaction()` has besides, none of the calls uses. */
const asScope = (scope: JoinedScope) => scope as ScopedTransaction;

const countOf = async (table: string, where = 'true') => {
	const { rows } = await service.admin.query(`SELECT count(*)::int FROM ${table} WHERE ${where}`);
	return rows[0].count;
};

describe.each(Object.keys(hosts))('in a transaction of %s', (kind) => {
	let connection: HostConnection;
	let organization: string;

	beforeAll(async () => {
		connection = (await hosts[kind]?.(service.connectionString)) as HostConnection;
	});
	afterAll(() => connection?.end());
	beforeEach(async () => {
		organization = await service.createOrganization();
	});

	/** In a transaction that is rolled back. */
	const inTransaction = async (work: (host: Host) => Promise<void>) => {
		const done = connection.transaction(async (host) => {
			await work(host);
			throw new RolledBack();
		});
		await expect(done).rejects.toThrow(RolledBack);
	};

	test('every call does what it does in a transaction of this package, and leaves the session as it was', async () => {
		const scope = service.db.asService({ actorId });
		expect(unlisted(scope)).toEqual([]);
		const made = await scope.destinations.create(input(organization));
		await scope.destinations.update(made.id, { name: 'Second' });
		await scope.destinations.update(made.id, { settings: { apiKey: 'phc_second' } });
		const gone = await scope.destinations.create({
			...input(organization),
			type: 'console',
			settings: {},
		});
		await scope.destinations.softDelete(gone.id);
		for (const [name, call] of Object.entries(everyCall)) {
			const needsDeleted = name === 'restore' || name === 'purge';
			const subject = { id: needsDeleted ? gone.id : made.id, organizationId: organization };
			const outcomeOf = (running: Promise<unknown>) =>
				running.then(withoutWhatDiffers, (error: Error) => [error.name, error.message]);
			let expected: unknown;
			await expect(
				scope.transaction(async (tx) => {
					expected = await outcomeOf(call(tx, subject));
					throw new RolledBack();
				}),
			).rejects.toThrow(RolledBack);
			await inTransaction(async ({ handle, sql }) => {
				const before = await sql(everythingSet);
				const outcome = await outcomeOf(
					call(asScope(service.db.asService({ actorId, transaction: handle })), subject),
				);
				expect([name, outcome]).toEqual([name, expected]);
				if (outsideTransactions.has(name)) expect(outcome).toContain('UnsupportedError');
				expect([name, await sql(everythingSet)]).toEqual([name, before]);
			});
		}
	});

	test('rows are read and written whole, by those who may', async () => {
		const id = randomUUID();
		const made = await connection.transaction(async ({ handle, sql }) => {
			await sql(`INSERT INTO organizations (id) VALUES ('${id}')`);
			const { destinations, audit } = forOrganization(handle, id);
			const made = await destinations.create(input(id));
			expect(await destinations.findById(made.id)).toEqual(made);
			expect((await audit.list()).items).toMatchObject([{ action: 'created', actorId }]);
			return made;
		});
		expect(made).toMatchObject({ ...input(id), createdBy: actorId, version: 1 });
		const outside = service.db.forOrganization(id);
		expect(await outside.destinations.findById(made.id)).toEqual(made);
		expect((await outside.audit.list()).items).toMatchObject([{ action: 'created', actorId }]);
	});

	test('a rollback of the service undoes the destination, its log and its history', async () => {
		const { id } = await service.db
			.forOrganization(organization)
			.destinations.create(input(organization));
		const state = async () => [
			await countOf('destinations', `organization_id = '${organization}'`),
			await countOf('destination_audit_log', `organization_id = '${organization}'`),
			await countOf('destination_settings_history', `organization_id = '${organization}'`),
			(await service.db.forOrganization(organization).destinations.findById(id))?.version,
		];
		const before = await state();
		await inTransaction(async ({ handle }) => {
			const { destinations } = forOrganization(handle, organization);
			await destinations.patchSettings(id, { apiKey: 'phc_third' });
			await destinations.copyTo(id, 'staging');
			expect((await destinations.history(id)).items).toHaveLength(2);
		});
		expect(await state()).toEqual(before);
		// What was rolled back was not remembered either.
		await service.db
			.forOrganization(organization)
			.destinations.patchSettings(id, { apiKey: 'phc_fourth' });
		expect(await state()).toMatchObject({ 3: 2 });
	});

	test('nothing of another organization is reached, whatever the login may do', async () => {
		const theirs = await service.db.asService().destinations.create(input(organization));
		await inTransaction(async ({ handle, sql }) => {
			const { destinations, audit } = forOrganization(handle);
			expect(await sql('SELECT id FROM destinations')).not.toEqual([]);
			expect(await destinations.findById(theirs.id)).toBeNull();
			expect(await destinations.count()).toBe(0);
			expect((await audit.list()).items).toEqual([]);
			await expect(destinations.update(theirs.id, { name: 'Mine' })).rejects.toThrow(NotFoundError);
			await expect(destinations.softDelete(theirs.id)).rejects.toThrow(NotFoundError);
			await expect(destinations.history(theirs.id)).rejects.toThrow(NotFoundError);
			await expect(destinations.create(input(other))).rejects.toThrow(ForbiddenError);
			// Two scopes by turns.
			const both = [forOrganization(handle), forOrganization(handle, organization)] as const;
			for (let round = 0; round < 2; round += 1) {
				expect(await both[0].destinations.count()).toBe(0);
				expect(await both[1].destinations.count()).toBe(1);
			}
		});
	});

	test('what the service has set stands, and changes nothing', async () => {
		const made = await service.db.asService().destinations.create(input(organization));
		await inTransaction(async ({ handle, sql }) => {
			for (const setting of [
				"TIME ZONE 'Asia/Tokyo'",
				"DateStyle = 'German, DMY'",
				"IntervalStyle = 'sql_standard'",
				"bytea_output = 'escape'",
				'standard_conforming_strings = off',
				'LOCAL enable_seqscan = off',
				'LOCAL enable_sort = on',
				"LOCAL plan_cache_mode = 'force_generic_plan'",
				'LOCAL search_path = nowhere',
				`LOCAL request.jwt.claims = '{"role":"authenticated","organization_id":"${other}"}'`,
				'LOCAL lock_timeout = 4321',
				'LOCAL ROLE host_role_of_transactions',
			]) {
				await sql(`SET ${setting}`);
			}
			const before = await sql(everythingSet);
			const { destinations, audit } = forOrganization(handle, organization);
			expect(await destinations.findById(made.id)).toEqual(made);
			expect(await destinations.list()).toMatchObject({ items: [made] });
			const changed = await destinations.update(made.id, { name: 'Changed' });
			expect(changed.updatedAt.getTime() - made.createdAt.getTime()).toBeLessThan(60_000);
			expect((await audit.list()).items).toHaveLength(2);
			expect(await sql(everythingSet)).toEqual(before);
			await sql('SAVEPOINT mine');
			await expect(destinations.create(input(organization))).rejects.toThrow(AlreadyExistsError);
			await sql('ROLLBACK TO SAVEPOINT mine');
			expect(await sql(everythingSet)).toEqual(before);
			expect(await destinations.count()).toBe(1);
		});
	});

	test('settings under which nothing would be kept apart or recorded are refused', async () => {
		for (const [setting, expected] of [
			['row_security = off', ForbiddenError],
			['session_replication_role = replica', UnsupportedError],
		] as const) {
			await inTransaction(async ({ handle, sql }) => {
				await sql(`SET LOCAL ${setting}`);
				const { destinations } = forOrganization(handle, organization);
				await expect(destinations.create(input(organization))).rejects.toThrow(expected);
			});
		}
	});

	test('what the service undoes by a savepoint takes its destinations along, and the scope goes on', async () => {
		await inTransaction(async ({ handle, sql }) => {
			const { destinations } = forOrganization(handle, organization);
			await sql('SAVEPOINT first');
			await destinations.create(input(organization));
			await sql('SAVEPOINT second');
			await destinations.copyTo((await destinations.findByType('posthog'))[0]?.id ?? '', 'staging');
			expect(await destinations.count()).toBe(2);
			await sql('ROLLBACK TO SAVEPOINT second');
			expect(await destinations.count()).toBe(1);
			await sql('ROLLBACK TO SAVEPOINT first');
			expect(await destinations.count()).toBe(0);
			await sql('RELEASE SAVEPOINT first');
			expect(await destinations.count()).toBe(0);
		});
	});

	test('calls at once, of two scopes and of the service, each run as who they are', async () => {
		const mine = await service.db.asService().destinations.create(input(organization));
		await inTransaction(async ({ handle, sql }) => {
			const scopes = [forOrganization(handle, organization), forOrganization(handle)] as const;
			const [{ role } = { role: '' }] = (await sql('SELECT current_user::text AS role')) as {
				role: string;
			}[];
			const results = await Promise.all(
				Array.from({ length: 6 }, () => [
					scopes[0].destinations.list().then(({ items }) => items),
					Promise.resolve(sql('SELECT current_user::text AS role')),
					scopes[1].destinations.list().then(({ items }) => items),
					Promise.resolve(
						sql(
							`INSERT INTO orders VALUES (gen_random_uuid(), 1) RETURNING current_user::text AS role`,
						),
					),
				]).flat(),
			);
			expect(results).toEqual(
				Array.from({ length: 6 }, () => [[mine], [{ role }], [], [{ role }]]).flat(),
			);
		});
	});

	test('an error aborts the transaction as any does, and says so to the next call', async () => {
		await service.db.asService().destinations.create(input(organization));
		const work = connection.transaction(async ({ handle }) => {
			const { destinations } = forOrganization(handle, organization);
			await expect(destinations.create(input(organization))).rejects.toThrow(AlreadyExistsError);
			await expect(destinations.count()).rejects.toThrow(
				/^A statement of the transaction failed before/,
			);
			throw new RolledBack();
		});
		await expect(work).rejects.toThrow(RolledBack);
	});

	test('what Postgres refuses is the error that it is everywhere', async () => {
		const nobody = randomUUID();
		const refusals = [
			[() => input(nobody), nobody, NotFoundError],
			[() => ({ ...input(organization), name: '\u3000' }), organization, ValidationError],
		] as const;
		for (const [of, id, expected] of refusals) {
			await inTransaction(async ({ handle }) => {
				await expect(forOrganization(handle, id).destinations.create(of())).rejects.toThrow(
					expected,
				);
			});
		}
	});

	test('a scope is dead after its transaction, and harms no later one', async () => {
		let late: JoinedScope | undefined;
		await inTransaction(async ({ handle }) => {
			late = forOrganization(handle, organization);
			expect(await late.destinations.count()).toBe(0);
		});
		const dead = async () => {
			for (const call of [
				late?.destinations.create(input(organization)),
				late?.destinations.count(),
				late?.audit.list(),
			]) {
				await expect(call).rejects.toThrow(UnsupportedError);
				await expect(call).rejects.toThrow(/^The transaction that the scope was made for is over/);
			}
		};
		await dead();
		await connection.transaction(async ({ handle, sql }) => {
			await dead();
			expect(await sql('SELECT 1 AS one')).toEqual([{ one: 1 }]);
			expect(await forOrganization(handle, organization).destinations.count()).toBe(0);
			await dead();
		});
		expect(await countOf('destinations', `organization_id = '${organization}'`)).toBe(0);
	});

	test('what is in no transaction is refused before anything is written', async () => {
		const before = await countOf('destination_audit_log');
		for (const scope of [
			service.db.forOrganization(organization, { transaction: connection.outside }),
			service.db.asService({ transaction: connection.outside }),
		]) {
			for (const call of [
				scope.destinations.create(input(organization)),
				scope.destinations.count(),
			]) {
				await expect(call).rejects.toThrow(UnsupportedError);
				await expect(call).rejects.toThrow('is not in a transaction');
			}
		}
		expect(await countOf('destination_audit_log')).toBe(before);
	});

	test('a read-only transaction reads, and refuses to write; a serializable one works', async () => {
		const made = await service.db.asService().destinations.create(input(organization));
		await inTransaction(async ({ handle, sql }) => {
			await sql('SET TRANSACTION READ ONLY');
			const { destinations } = forOrganization(handle, organization);
			expect(await destinations.findById(made.id)).toEqual(made);
			await expect(destinations.update(made.id, { name: 'New' })).rejects.toMatchObject({
				code: 'UNAVAILABLE',
			});
		});
		await inTransaction(async ({ handle, sql }) => {
			await sql('SET TRANSACTION ISOLATION LEVEL SERIALIZABLE');
			const { destinations } = forOrganization(handle, organization);
			expect((await destinations.update(made.id, { name: 'New' })).version).toBe(2);
		});
	});
});

/** Times, ids and numbers of what is written differ from one run to the next. */
function withoutWhatDiffers(outcome: unknown): unknown {
	return JSON.parse(JSON.stringify(outcome ?? null), (key, value) =>
		[
			'id',
			'updatedAt',
			'createdAt',
			'recordedAt',
			'transactionId',
			'destinationId',
			'nextCursor',
			'databaseRole',
		].includes(key)
			? typeof value
			: value,
	);
}
