import { DatabaseError } from 'pg';
import { violations } from '../../src/database/constraints.ts';
import {
	AlreadyExistsError,
	createDestinationsLoader,
	type DestinationsClient,
	DestinationsError,
	type DestinationsLoader,
	ForbiddenError,
	isDatabaseUnavailable,
	isRetryable,
	NotFoundError,
	RetryError,
	UnavailableError,
	ValidationError,
} from '../../src/index.ts';
import { newKeys } from '../support/encryption.ts';
import { Deployment, type Tenant } from '../tenancy/deployment.ts';
import { codesOf } from '../tenancy/refusal.ts';
import { type Destined, everyCommand, everyRoad } from './every-road.ts';

// One refusal of Postgres is one error, by whichever statement of whichever call it was met. Here Postgres refuses
// every statement: by a policy, which it asks before it looks for rows, and by a trigger when a transaction ends.

const keys = newKeys();
let deployment: Deployment;
let db: DestinationsClient;
let a: Tenant;
let loader: DestinationsLoader;
let loaderUrl: string;

const tables = ['destinations', 'destination_audit_log', 'destination_settings_history'];
const tablesOfRoads = [...tables, 'destination_data_keys'];

beforeAll(async () => {
	deployment = await Deployment.open();
	// An index may have no row of which Postgres would ask the policy.
	for (const scan of ['indexscan', 'indexonlyscan', 'bitmapscan']) {
		const database = new URL(deployment.superuserUrl).pathname.slice(1);
		await deployment.rows(`ALTER DATABASE ${database} SET enable_${scan} = off`);
	}
	db = deployment.open({ keys });
	a = await deployment.newTenant(db);
	await everyRoad['EnvelopeKeyProvider.renew']?.(here());
	loaderUrl = await deployment.newLogin('destinations_loader');
	loader = createDestinationsLoader({ connectionString: loaderUrl, keys });
	await loader.start();
	await deployment.rows(`
		CREATE TABLE refusals (at_end boolean, state text, violated text);
		CREATE FUNCTION refuse(at_end boolean) RETURNS boolean LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS $$
		DECLARE
			refusal public.refusals;
		BEGIN
			SELECT * INTO refusal FROM public.refusals AS r WHERE r.at_end = refuse.at_end;
			IF NOT FOUND THEN RETURN true; END IF;
			RAISE 'refused by the test' USING
				ERRCODE = refusal.state, CONSTRAINT = refusal.violated, DETAIL = 'Failing row contains (secret)';
		END $$;
		CREATE FUNCTION refuse_at_end() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM public.refuse(true);
			RETURN NULL;
		END $$`);
	for (const table of tablesOfRoads) {
		await deployment.rows(`CREATE POLICY refused ON ${table} AS RESTRICTIVE
			USING ((SELECT public.refuse(false))) WITH CHECK ((SELECT public.refuse(false)))`);
	}
	for (const table of ['destinations', 'destination_settings_history']) {
		await deployment.rows(`CREATE CONSTRAINT TRIGGER refused AFTER INSERT OR UPDATE OR DELETE ON ${table}
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_at_end()`);
	}
});

afterAll(async () => {
	await loader?.close();
	await deployment.close();
});

const here = (): Destined => ({
	db,
	scope: db.asService({ actorId: a.actorId }),
	connectionString: deployment.url,
	keys,
	subject: { id: a.own.id, organizationId: a.id },
});

type Refusal = readonly [state: string, violated?: string];

async function whileRefusing<T>(
	[state, violated = '']: Refusal,
	atEnd: boolean,
	work: () => Promise<T>,
): Promise<T> {
	await deployment.rows('INSERT INTO refusals VALUES ($1, $2, $3)', [atEnd, state, violated]);
	try {
		return await work();
	} finally {
		await deployment.rows('DELETE FROM refusals');
	}
}

const errorOf = (work: PromiseLike<unknown>): Promise<unknown> =>
	Promise.resolve(work).then(
		() => 'no error',
		(error: unknown) => error,
	);

interface Expected {
	readonly type: abstract new (...args: never[]) => Error;
	readonly code: string;
	readonly refusals: readonly Refusal[];
}

const states = (codes: string): Refusal[] => codes.split(' ').map((code) => [code]);
const check = (name: string): Refusal => ['23514', name];

/** What each refusal is, everywhere. */
const expected: readonly Expected[] = [
	{ type: RetryError, code: 'RETRY', refusals: states('40001 40P01 55P03 57014') },
	{
		type: UnavailableError,
		code: 'UNAVAILABLE',
		refusals: states('25006 08006 53300 53100 57P01 25P03'),
	},
	{ type: ForbiddenError, code: 'FORBIDDEN', refusals: states('42501') },
	{
		type: AlreadyExistsError,
		code: 'ALREADY_EXISTS',
		refusals: [['23505', 'destinations_org_type_env_unique']],
	},
	{
		type: NotFoundError,
		code: 'NOT_FOUND',
		refusals: [
			['23503', 'destinations_organization_id_fkey'],
			['23503', 'destination_data_keys_organization_id_fkey'],
		],
	},
	{
		type: ValidationError,
		code: 'VALIDATION',
		refusals: [
			['23503', 'destinations_created_by_fkey'],
			['23503', 'destinations_updated_by_fkey'],
			check('destinations_valid_type'),
			check('destinations_settings_size'),
			check('a_check_of_the_platform'),
			['22001'],
		],
	},
	// Of these this package knows nothing: nobody's input is to blame.
	{
		type: DatabaseError,
		code: '23505',
		refusals: [
			['23505', 'destination_audit_log_pkey'],
			['23505', 'a_key_of_the_platform'],
		],
	},
	{ type: DatabaseError, code: '23503', refusals: [['23503', 'a_key_of_the_platform']] },
	{ type: DatabaseError, code: 'XX000', refusals: states('XX000') },
	{ type: DatabaseError, code: 'P0001', refusals: states('P0001') },
];
const cases = expected.flatMap(({ refusals, ...rest }) =>
	refusals.map((refusal) => [refusal.filter(Boolean).join(' '), { refusal, ...rest }] as const),
);

interface Case extends Omit<Expected, 'refusals'> {
	readonly refusal: Refusal;
}

function expectOne(road: string, error: unknown, { type, code, refusal }: Case): void {
	const name = error instanceof Error ? error.constructor.name : error;
	expect([road, name]).toEqual([road, type.name]);
	const isOurs = error instanceof DestinationsError;
	expect([road, codesOf(error)]).toEqual([road, code]);
	const cause = isOurs ? error.cause : error;
	expect([road, codesOf(cause)]).toEqual([road, refusal[0]]);
	expect(cause).toMatchObject({ detail: undefined, where: undefined });
	expectAgreed(error, code);
	if (isOurs) expect(error.retryable).toBe(isRetryable(error));
}

function expectAgreed(error: unknown, code: string): void {
	const retryable = code === 'RETRY' || code === 'UNAVAILABLE';
	expect([isRetryable(error), isDatabaseUnavailable(error)]).toEqual([
		retryable,
		code === 'UNAVAILABLE',
	]);
}

describe.each(cases)('%s is one error', (_, one: Case) => {
	const { refusal, code } = one;

	test('by whichever call it was met', async () => {
		const met = await whileRefusing(refusal, false, () =>
			Promise.all(
				Object.entries(everyRoad).map(
					async ([name, road]) => [name, await errorOf(road(here()))] as const,
				),
			),
		);
		for (const [name, error] of met) expectOne(name, error, one);
	});

	test('by a loader, as what it means to one that only reads', async () => {
		const ofLoaders: Readonly<Record<string, string>> = {
			// Nothing has to be done again but what the loader sends again by itself.
			RETRY: 'UNAVAILABLE',
			// It chooses nothing of what it reads, so its role lacks a right.
			FORBIDDEN: 'CONFIGURATION',
		};
		const isOurs = /^[A-Z_]+$/.test(code);
		const meaning = ofLoaders[code] ?? (isOurs ? code : 'UNAVAILABLE');
		await whileRefusing(refusal, false, async () => {
			const options = { connectionString: loaderUrl, keys, preload: true };
			await using other = createDestinationsLoader(options);
			const roads = {
				start: () => other.start(),
				findEnabled: () => loader.findEnabled(a.id, 'production'),
			};
			for (const [name, road] of Object.entries(roads)) {
				const error = await errorOf(road());
				expect([name, codesOf(error)]).toEqual([name, meaning]);
				if (!(error instanceof DestinationsError)) throw error;
				expect([name, codesOf(error.cause)]).toEqual([name, refusal[0]]);
				expect(error.cause).toMatchObject({ detail: undefined, where: undefined });
				expectAgreed(error, meaning);
				expect(error.retryable).toBe(isRetryable(error));
			}
		});
	});

	test('at the end of a transaction, too', async () => {
		const { destinations } = a.client;
		const rename = (name: string) => ({ name: `${name} ${Date.now()}` });
		const ends: Record<string, () => Promise<unknown>> = {
			'a statement alone': () => destinations.update(a.own.id, rename('alone')),
			'transaction()': () =>
				a.client.transaction((tx) => tx.destinations.update(a.own.id, rename('inside'))),
			'transaction() that wrote by Prisma': () =>
				a.client.transaction((tx) =>
					tx.prisma.destination.updateMany({ data: rename('by Prisma') }),
				),
			"a transaction of the repository's own": () =>
				db.asService().destinations.pruneSettingsHistory({ keep: 0 }),
		};
		await whileRefusing(refusal, true, async () => {
			for (const [name, end] of Object.entries(ends)) {
				expectOne(name, await errorOf(end()), one);
			}
		});
	});

	test("Prisma's own error says the same of itself", async () => {
		const { prisma } = a.client;
		await whileRefusing(refusal, false, async () => {
			for (const sent of [
				prisma.destination.findMany(),
				prisma.destination.updateMany({ data: { enabled: true } }),
				prisma.$queryRaw`SELECT id FROM destinations`,
			]) {
				const error = await errorOf(sent);
				expect(error).not.toBeInstanceOf(DestinationsError);
				expect(codesOf(error)).toMatch(new RegExp(`^P\\d{4} ${refusal[0]}$`));
				expectAgreed(error, code);
			}
			const inside = await errorOf(a.client.transaction((tx) => tx.prisma.destination.findMany()));
			// Of what may pass by itself, all of the transaction must run again.
			const isTransient = code === 'RETRY' || code === 'UNAVAILABLE';
			expect(inside instanceof DestinationsError).toBe(isTransient);
			expectAgreed(inside, code);
		});
	});

	test('the commands print it', async () => {
		await whileRefusing(refusal, false, async () => {
			for (const command of Object.values(everyCommand)) {
				const { status, stderr } = await command(here());
				expect(stderr).toContain('refused by the test');
				if (/^[A-Z_]+$/.test(code)) expect(stderr).toContain(`${code}: `);
				expect([status, stderr.includes('secret')]).toEqual([1, false]);
			}
		});
	});
});

test('the test refuses nothing when it is not asked to', async () => {
	expect(await a.client.destinations.findById(a.own.id)).toEqual(a.own);
});

test('every constraint of the tables has been thought of', async () => {
	const named = await deployment.rows<{ name: string }>(
		`SELECT conname AS name FROM pg_constraint WHERE conrelid = ANY ($1::regclass[]) AND contype IN ('c', 'f', 'u', 'p')
		 UNION SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = ANY ($1::regclass[]) AND indisunique`,
		[tablesOfRoads],
	);
	// Of these no input of a call can be the reason.
	const notByInput = [
		'destination_audit_log_pkey',
		'destination_audit_log_rotation_run_unique',
		'destination_data_keys_generation_unique',
		'destination_data_keys_pkey',
		'destination_data_keys_valid_generation',
		'destination_settings_history_pkey',
		'destination_settings_history_valid_key_id',
		'destinations_pkey',
	];
	expect(named.map(({ name }) => name).sort()).toEqual(
		[...violations.keys(), ...notByInput].sort(),
	);
});
