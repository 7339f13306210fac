import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import type { DestinationsClient } from '../src/index.ts';
import { startTestDatabase } from '../src/testing/index.ts';
import { builtPackage } from './built-package.ts';
import { type Measured, measure } from './measure.ts';
import { sixDestinations } from './peers/six-destinations.ts';
import type { Figure, Report } from './report.ts';

const keys = `bench:${'4f'.repeat(31)}51`;
const shardCount = 16;
const organizationsOfShard = 8;

/** What routing costs a process: reads of the same organizations from 16 databases of one server, against one database. */
export async function benchShards(): Promise<Report> {
	await using database = await startTestDatabase({ source: 'embedded' });
	const places = new Map<string, number>();
	const urls: string[] = [];
	const all: string[] = [];
	for (let at = 0; at < shardCount; at += 1) {
		// They go with the server.
		const { connectionString } = await database.clone();
		const ids = Array.from({ length: organizationsOfShard }, () => randomUUID());
		await createOrganizations(connectionString, ids);
		for (const id of ids) places.set(id, at);
		urls.push(connectionString);
		all.push(...ids);
	}
	await createOrganizations(database.connectionString, all);
	const { createDestinationsClient } = await builtPackage();
	const { connectionString } = database;
	await using routed = createDestinationsClient({
		shards: urls,
		route: (id) => urls[places.get(id) ?? -1] ?? '',
		keys,
	});
	await using one = createDestinationsClient({ connectionString, keys });
	const max = 2 * shardCount;
	await using asMany = createDestinationsClient({ connectionString, keys, pool: { max } });
	const onOne = await createDestinations(one, all);
	const variants = [
		{ name: 'routed', run: reading(routed, await createDestinations(routed, all)) },
		{ name: 'one database', run: reading(one, onOne) },
		{ name: 'one database, as many connections', run: reading(asMany, onOne) },
	] as const;
	const [base, ...measured] = await measure(variants, { rounds: 21, repeats: 1600, inFlight: 16 });
	const aSecond = (measure: Measured | undefined) => (1000 / (measure?.median ?? 1)).toFixed(0);
	const figure = (name: string, measure: Measured | undefined, on: DestinationsClient): Figure => ({
		name: `reads a second of a process, 16 in flight, ${name}`,
		value: measure?.ratio ?? Number.NaN,
		unit: '× one database',
		bound: { atLeast: 0.95 },
		detail: `${aSecond(base)} against ${aSecond(measure)} a second; ${routed.stats().total} connections against ${on.stats().total}`,
	});
	return {
		title: `Reads of ${all.length} organizations on ${shardCount} databases, routed`,
		figures: [
			figure('by default', measured[0], one),
			figure('as many connections', measured[1], asMany),
		],
	};
}

async function createOrganizations(connectionString: string, ids: readonly string[]) {
	const admin = new Client({ connectionString });
	await admin.connect();
	await admin.query('INSERT INTO organizations (id) SELECT unnest($1::uuid[])', [ids]);
	await admin.end();
}

interface Made {
	readonly organizationId: string;
	readonly id: string;
}

function createDestinations(db: DestinationsClient, ids: readonly string[]): Promise<Made[]> {
	const [input] = sixDestinations;
	return Promise.all(
		ids.map((organizationId) =>
			db
				.forOrganization(organizationId)
				.destinations.create({ ...input, organizationId, name: 'bench' }),
		),
	);
}

/** Reads in an order in which each is read as often, and no shard in turn. */
function reading(db: DestinationsClient, made: readonly Made[]) {
	let at = 0;
	return async () => {
		// A linear congruential generator whose period is the length, a power of two.
		at = (5 * at + 3) % made.length;
		const { organizationId, id } = made[at] ?? { organizationId: '', id: '' };
		const found = await db.forOrganization(organizationId).destinations.findById(id);
		if (found === null) throw new Error('The benchmark reads what is not there');
	};
}
