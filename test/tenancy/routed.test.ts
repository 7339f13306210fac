import { diagnose } from '../../src/doctor/diagnose.ts';
import { createDestinationsClient, type DestinationsClient } from '../../src/index.ts';
import { startTestDatabase, type TestDatabase } from '../../src/testing/test-database.ts';
import { Loading } from '../loading/loading.ts';
import { Standby } from '../loading/standby.ts';
import { hasPgpool, Pgpool } from '../support/pgpool.ts';
import { codesOf } from './refusal.ts';

// A proxy that sends each statement of a session to another server takes it away from its scope. With a superuser's login
// organizations then read each other's rows, unless the session rests in a role that sees nothing.

const tried = hasPgpool ? describe : describe.skip;
if (!hasPgpool) {
	process.stderr.write(
		'Not tried, because pgpool-II is not installed: a proxy that routes statements\n',
	);
}

tried('behind pgpool-II, which sends reads to a standby', () => {
	let database: TestDatabase;
	let loading: Loading;
	let standby: Standby;
	let pgpool: Pgpool;
	const clients: DestinationsClient[] = [];
	let own: Awaited<ReturnType<Loading['newDestination']>>;

	beforeAll(async () => {
		database = await startTestDatabase({ source: 'embedded' });
		loading = await Loading.on(database);
		standby = await Standby.of(database.connectionString, loading.admin);
		pgpool = await Pgpool.before(database.connectionString, standby.url(database.connectionString));
		own = await loading.newDestination();
		for (let at = 0; at < 3; at += 1) await loading.newDestination();
	});

	afterAll(async () => {
		for (const client of clients) await client.close();
		await pgpool?.[Symbol.asyncDispose]();
		await standby?.[Symbol.asyncDispose]();
		await loading?.[Symbol.asyncDispose]();
	});

	function via(url: string, { namedStatements = true, through = pgpool } = {}) {
		const { keys } = loading;
		const connectionString = through.url(url);
		const client = createDestinationsClient({ connectionString, keys, namedStatements });
		clients.push(client);
		return client.forOrganization(own.organizationId);
	}

	const reads: Record<string, (scope: ReturnType<typeof via>) => PromiseLike<unknown>> = {
		'destinations.list': ({ destinations }) => destinations.list(),
		'destinations.findByType': ({ destinations }) => destinations.findByType('posthog'),
		'audit.list': ({ audit }) => audit.list(),
		'prisma.destination': ({ prisma }) => prisma.destination.findMany(),
		'prisma.destination, with its organization': ({ prisma }) =>
			prisma.destination.findMany({ include: { organization: true } }),
		'prisma.organization': ({ prisma }) => prisma.organization.findMany(),
		'prisma.destinationAuditEntry': ({ prisma }) => prisma.destinationAuditEntry.findMany(),
		'raw SQL': ({ prisma }) => prisma.$queryRaw`SELECT organization_id FROM destinations`,
		'raw SQL of the platform': ({ prisma }) => prisma.$queryRaw`SELECT id FROM organizations`,
		'in a transaction': ({ transaction }) =>
			transaction(({ prisma }) => prisma.destination.findMany()),
	};

	/** Every organization whose rows a read returned. */
	async function seen(read: PromiseLike<unknown>): Promise<string[]> {
		const text = JSON.stringify(await read, (_, value) =>
			typeof value === 'bigint' ? String(value) : value,
		);
		const { rows } = await loading.admin.query<{ id: string }>('SELECT id FROM organizations');
		return rows.map(({ id }) => id).filter((id) => text.includes(id));
	}

	test.each(Object.entries(reads))(
		'a superuser sees no other organization by %s',
		async (_, read) => {
			const others = (await seen(read(via(database.connectionString)))).filter(
				(id) => id !== own.organizationId,
			);
			expect(others).toEqual([]);
		},
	);

	test('a login that is only a member of its role is refused', async () => {
		const scope = via(database.logins.connectionString);
		for (const read of Object.values(reads).slice(0, 5)) {
			const refused = await Promise.resolve(read(scope)).catch((error: unknown) => error);
			expect(codesOf(refused)).toMatch(/FORBIDDEN|42501/);
		}
	});

	test('without named statements a superuser is refused, because its sessions may be others’ too', async () => {
		const scope = via(database.connectionString, { namedStatements: false });
		for (const read of Object.values(reads)) {
			const refused = await Promise.resolve(read(scope)).catch((error: unknown) => error);
			expect(codesOf(refused)).toBe('CONFIGURATION');
		}
	});

	test('doctor names it, and what it says to set lets everything work', async () => {
		const { connectionString, serviceConnectionString } = database.logins;
		const findings = async (through: Pgpool) => {
			const sections = await diagnose({
				connectionString: through.url(connectionString),
				serviceConnectionString: through.url(serviceConnectionString),
			});
			return sections.flatMap(({ findings }) => findings);
		};
		const [named] = (await findings(pgpool)).filter(({ message }) => /pgpool/.test(message));
		expect(named).toMatchObject({ severity: 'warning' });
		const [setting = ''] =
			/database_redirect_preference_list = '[^']*'/.exec(named?.fix ?? '') ?? [];
		await using mended = await Pgpool.before(
			...[database.connectionString, standby.url(database.connectionString)],
			[setting],
		);
		for (const url of [database.connectionString, connectionString]) {
			const scope = via(url, { through: mended });
			for (const read of Object.values(reads)) {
				expect(await seen(read(scope))).toEqual([own.organizationId]);
			}
		}
	});
});
