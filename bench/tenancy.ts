import { randomUUID } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Client } from 'pg';
import type { DestinationsClient } from '../src/index.ts';
import { builtPackage } from './built-package.ts';
import { type BenchDatabase, createOrganizations, withDatabase } from './database.ts';
import { type Measured, measure, quantile } from './measure.ts';
import { openBarePrisma } from './peers/bare-prisma.ts';
import { inBatches } from './peers/row-level-security.ts';
import { sixDestinations } from './peers/six-destinations.ts';
import type { Figure, Report } from './report.ts';
import { startSlowNetwork } from './slow-network.ts';

const keys = `bench:${'4f'.repeat(31)}50`;
const oneWayMs = 5;

/** What running each statement as one organization costs, against Prisma without row level security. */
export function benchTenancy(): Promise<Report> {
	return withDatabase(async (asOwner) => {
		const organizationId = await createRows(asOwner);
		const database = { ...asOwner, connectionString: await createLogin(asOwner) };
		return {
			title: 'One organization’s six destinations, read under row level security',
			figures: [
				...(await measureReads(
					asOwner.connectionString,
					database.connectionString,
					organizationId,
				)),
				await measureRoundTrips(database, organizationId),
				...(await measureScopes(database)),
			],
		};
	});
}

/** Six destinations each of a thousand organizations; returns one of the organizations. */
async function createRows({ connectionString, admin }: BenchDatabase): Promise<string> {
	await createOrganizations(admin, 1000);
	// Sealed settings cannot be made by SQL; unsealed rows would not be read. These have none yet.
	await admin.query(`
		INSERT INTO destinations (organization_id, type, name)
		SELECT id, type, 'bench' FROM organizations, unnest(
			ARRAY['posthog', 'meta-pixel', 'google-analytics', 'mixpanel', 'amplitude']) AS type`);
	const { rows } = await admin.query<{ id: string }>('SELECT id FROM organizations LIMIT 1');
	const organizationId = rows[0]?.id ?? '';
	await admin.query('DELETE FROM destinations WHERE organization_id = $1', [organizationId]);
	const { createDestinationsClient } = await builtPackage();
	await using db = createDestinationsClient({ connectionString, keys });
	const { destinations } = db.forOrganization(organizationId);
	for (const input of sixDestinations) {
		await destinations.create({ ...input, organizationId, name: 'bench' });
	}
	await admin.query('VACUUM ANALYZE');
	return organizationId;
}

/** A login as a service should have: no rights but to become a tenant or the service. */
async function createLogin({ connectionString, admin }: BenchDatabase): Promise<string> {
	await admin.query("CREATE ROLE bench_login LOGIN NOINHERIT PASSWORD 'bench'");
	await admin.query('GRANT authenticated, service_role TO bench_login');
	const url = new URL(connectionString);
	url.username = 'bench_login';
	url.password = 'bench';
	return url.href;
}

async function measureReads(
	ownerConnectionString: string,
	connectionString: string,
	organizationId: string,
): Promise<Figure[]> {
	// With statements named as the scoped client names them.
	const bare = openBarePrisma(ownerConnectionString, { named: true });
	const base = openBarePrisma(connectionString, { named: true });
	const { createDestinationsClient } = await builtPackage();
	await using db = createDestinationsClient({ connectionString, keys, pool: { max: 10 } });
	const batch = inBatches(base, organizationId);
	const scoped = db.forOrganization(organizationId).prisma;
	const where = { organizationId, environment: 'production', deletedAt: null };
	// Opening settings has a benchmark of its own; this one is about what the scope costs.
	const query = { where, omit: { settings: true } };
	const variants = [
		{ name: 'bare', run: () => bare.destination.findMany(query) },
		{ name: 'scoped', run: () => scoped.destination.findMany(query) },
		{ name: 'batch', run: () => batch.destination.findMany(query) },
	] as const;
	const opened = [
		{ name: 'bare', run: () => bare.destination.findMany({ where }) },
		{ name: 'scoped', run: () => scoped.destination.findMany({ where }) },
	] as const;
	try {
		const [alone, withScope, withBatch] = await measure(variants, { rounds: 20, repeats: 50 });
		const busy = await measure([variants[0], variants[1]], {
			rounds: 15,
			repeats: 400,
			inFlight: 16,
		});
		const [openedAlone, openedInScope] = await measure(opened, { rounds: 20, repeats: 50 });
		return [
			ratioFigure('scoped read, p50', '× bare Prisma', withScope, alone, 1.1),
			ratioFigure('the same, six settings decrypted', '× bare Prisma', openedInScope, openedAlone),
			{
				name: 'scoped reads per second, 16 in flight',
				value: 1 / (busy[1]?.ratio ?? Number.NaN),
				unit: '× bare Prisma',
				bound: { atLeast: 0.93 },
				detail: `${(1000 / (busy[1]?.median ?? 1)).toFixed(0)} against ${(1000 / (busy[0]?.median ?? 1)).toFixed(0)} a second`,
			},
			ratioFigure('scoped read, p50', '× the batch transaction', withScope, withBatch, 0.35),
		];
	} finally {
		await bare.$disconnect();
		await base.$disconnect();
	}
}

function ratioFigure(
	name: string,
	unit: string,
	measured: Measured | undefined,
	against: Measured | undefined,
	atMost?: number,
): Figure {
	if (measured === undefined || against === undefined) throw new Error('Nothing was measured');
	return {
		name,
		// Both ratios are to bare Prisma's turns of the same rounds.
		value: measured.ratio / against.ratio,
		unit,
		bound: atMost === undefined ? undefined : { atMost },
		detail: `${measured.median.toFixed(3)} ms against ${against.median.toFixed(3)} ms`,
	};
}

async function measureRoundTrips(
	{ connectionString }: BenchDatabase,
	organizationId: string,
): Promise<Figure> {
	const url = new URL(connectionString);
	const network = await startSlowNetwork({ host: url.hostname, port: Number(url.port) }, oneWayMs);
	url.port = String(network.port);
	const plain = new Client({ connectionString: url.href });
	try {
		await plain.connect();
		const { createDestinationsClient } = await builtPackage();
		await using db = createDestinationsClient({ connectionString: url.href, keys });
		const { prisma } = db.forOrganization(organizationId);
		const [roundTrip, read] = await measure(
			[
				{ name: 'one round trip', run: () => plain.query('SELECT 1') },
				{
					name: 'scoped read',
					run: () => prisma.destination.findMany({ where: { environment: 'production' } }),
				},
			],
			{ rounds: 15, repeats: 10 },
		);
		return {
			name: `scoped read at ${2 * oneWayMs} ms of network`,
			value: read?.ratio ?? Number.NaN,
			unit: 'round trips',
			bound: { atMost: 1.15 },
			detail: `${read?.median.toFixed(2)} ms against ${roundTrip?.median.toFixed(2)} ms for SELECT 1`,
		};
	} finally {
		await plain.end();
		await network.stop();
	}
}

const scopeCount = 10_000;

async function measureScopes({ connectionString, admin }: BenchDatabase): Promise<Figure[]> {
	const { createDestinationsClient } = await builtPackage();
	await using db = createDestinationsClient({ connectionString, keys });
	await db.asService().prisma.$queryRaw`SELECT 1`;
	const ids = Array.from({ length: scopeCount }, () => randomUUID());
	for (const id of ids) useScope(db, id);
	setFlagsFromString('--expose-gc');
	const collectGarbage: () => void = runInNewContext('gc');
	const memory = () => {
		collectGarbage();
		return process.memoryUsage().heapUsed;
	};
	const [before, connectionsBefore] = [memory(), await connections(admin)];
	const times: number[] = [];
	for (const id of ids) {
		const start = performance.now();
		useScope(db, id);
		times.push(performance.now() - start);
	}
	const [after, connectionsAfter] = [memory(), await connections(admin)];
	return [
		{
			name: 'making a scope, with its repository and a delegate',
			value: quantile(times, 0.5) * 1000,
			unit: 'µs',
			bound: { atMost: 100 },
			detail: `p99 ${(quantile(times, 0.99) * 1000).toFixed(0)} µs; ${connectionsAfter - connectionsBefore} connections more`,
		},
		{
			name: `memory that ${scopeCount} scopes keep`,
			value: (after - before) / 1024 / scopeCount,
			unit: 'KB each',
			bound: { atMost: 0.1 },
			detail: `${((after - before) / 1024).toFixed(0)} KB in all, after collecting garbage`,
		},
	];
}

function useScope(db: DestinationsClient, organizationId: string): unknown {
	return db.forOrganization(organizationId).prisma.destination.findMany;
}

async function connections(admin: Client): Promise<number> {
	const { rows } = await admin.query<{ count: number }>(
		"SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'client backend'",
	);
	return rows[0]?.count ?? 0;
}
