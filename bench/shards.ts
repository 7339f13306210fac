import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import type { DestinationsClient } from '../src/index.ts';
import { startTestDatabase } from '../src/testing/index.ts';
import { builtPackage } from './built-package.ts';
import { measure } from './measure.ts';
import { sixDestinations } from './peers/six-destinations.ts';
import type { Report } from './report.ts';

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
	// As many connections to all of them as to the one.
	const { connectionString } = database;
	await using one = createDestinationsClient({ connectionString, keys, pool: { max: shardCount } });
	await using many = createDestinationsClient({
		shards: urls,
		route: (id) => urls[places.get(id) ?? -1] ?? '',
		keys,
		pool: { max: 1 },
	});
	const variants = [
		{ name: 'one database', run: reading(one, await createDestinations(one, all)) },
		{ name: '16 routed databases', run: reading(many, await createDestinations(many, all)) },
	] as const;
	const [base, routed] = await measure(variants, { rounds: 21, repeats: 1600, inFlight: 16 });
	return {
		title: `Reads of ${all.length} organizations on ${shardCount} databases, routed`,
		figures: [
			{
				name: 'reads a second of a process, 16 in flight',
				value: 1 / (routed?.ratio ?? Number.NaN),
				unit: '× one database',
				bound: { atLeast: 0.95 },
				detail: `${(1000 / (routed?.median ?? 1)).toFixed(0)} against ${(1000 / (base?.median ?? 1)).toFixed(0)} a second; ${many.stats().total} connections against ${one.stats().total}`,
			},
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
