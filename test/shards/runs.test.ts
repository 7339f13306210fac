import {
	ConfigurationError,
	createDestinationsClient,
	purgeExpired,
	rotateKeys,
	type SealedSettingsProgress,
	UnavailableError,
	verifySettings,
} from '../../src/index.ts';
import { posthog } from '../support/destinations.ts';
import { newKeys } from '../support/encryption.ts';
import { Sharded } from './sharded.ts';

// What goes over all rows, as a function: over all databases, one after the other.

let sharded: Sharded;
const places: string[] = [];
const later = newKeys('later');
const rotating = () => ({ keys: `${later},${sharded.keys}` });

beforeAll(async () => {
	sharded = await Sharded.open();
	for (const place of [0, 1, 2]) {
		for (let made = 0; made <= place; made += 1) {
			const organizationId = await sharded.newOrganization(place);
			await sharded.db.forOrganization(organizationId).destinations.create(posthog(organizationId));
		}
		const { hostname, port, pathname } = new URL(sharded.shard(place).url);
		places.push(`${hostname}:${port}${pathname}`);
	}
});
afterAll(() => sharded[Symbol.asyncDispose]());

/** As the client has them: the login of tenants alone may not do it. */
const shards = () => sharded.shards.map(({ option }) => option);
const down = { connectionString: 'postgresql://nobody:secret-of-nobody@localhost:1/away' };
const purging = { settingsKeep: 0 };

/** Each, called with all databases and more. */
const runs = {
	rotateKeys: (more: object) => rotateKeys({ shards: shards(), ...rotating(), ...more }),
	verifySettings: (more: object) => verifySettings({ shards: shards(), ...rotating(), ...more }),
	purgeExpired: (more: object) => purgeExpired({ shards: shards(), ...purging, ...more }),
};

test('rotation, verification and a purge count what they did on all, with progress of each', async () => {
	const seen: SealedSettingsProgress[] = [];
	const onProgress = (progress: SealedSettingsProgress) => seen.push(progress);
	expect(await runs.rotateKeys({ onProgress })).toEqual({
		...{ rotated: 6, busy: 0, failed: 0, failures: [], stopped: false },
	});
	const last = places.map((place) => seen.filter(({ database }) => database === place).at(-1));
	expect(last).toEqual(
		places.map((database, at) => ({ database, done: at + 1, total: at + 1, failed: 0 })),
	);
	expect(seen.every(({ database = '' }) => places.includes(database))).toBe(true);
	const [old = ''] = String(sharded.keys).split(':');
	expect(await runs.verifySettings({})).toMatchObject({
		checked: 6,
		keys: { later: 6 },
		failed: 0,
	});
	await rotateKeys({ shards: shards().slice(1), keys: `${sharded.keys},${later}` });
	expect((await runs.verifySettings({})).keys).toEqual({ later: 1, [old]: 5 });
	await rotateKeys({ shards: shards().slice(0, 1), keys: `${sharded.keys},${later}` });
	await using db = createDestinationsClient({
		...{ shards: shards(), route: sharded.route, keys: sharded.keys },
	});
	for (const { id, organizationId } of (await db.asService().destinations.list()).items) {
		const { destinations } = db.forOrganization(organizationId);
		await destinations.update(id, { settings: { apiKey: 'phc_second' } });
	}
	expect(await runs.purgeExpired({})).toMatchObject({ settings: 6, stopped: false });
});

describe.each(Object.entries(runs))('%s', (name, run) => {
	test('does the others where one is away, and names it', async () => {
		const done = new Set<unknown>();
		const onProgress = ({ database }: { database?: string }) => done.add(database);
		const error: unknown = await run({ shards: [down, ...shards()], onProgress }).catch(
			(thrown: unknown) => thrown,
		);
		expect(error).toBeInstanceOf(UnavailableError);
		expect(String(error)).toContain('localhost:1/away');
		expect(String(error)).not.toContain('secret-of-nobody');
		expect([...done]).toEqual(places);
	});

	test('begins on no other once it is stopped', async () => {
		const stop = new AbortController();
		const seen = new Set<unknown>();
		const onProgress = ({ database }: { database?: string }) => {
			seen.add(database);
			stop.abort();
		};
		expect(await run({ onProgress, signal: stop.signal })).toMatchObject({ stopped: true });
		expect([...seen]).toEqual([places[0]]);
	});

	test.each([
		['none', { shards: [] }, /`shards` must be a list of at least one database/],
		['one twice', { shards: [down, down] }, /shards\[1\] is the same database as shards\[0\]/],
		['one that cannot be read', { shards: ['secret-of-nobody'] }, /shards\[0\].*cannot be read/],
		[
			'an empty URL of the second login',
			{ shards: [{ ...down, serviceConnectionString: '' }] },
			/URL of shards\[0\] is empty/,
		],
		['one besides', { connectionString: down.connectionString }, /`connectionString`/],
		['an address besides', { connection: { host: 'localhost' } }, /`connection`/],
		['an unknown option of one', { shards: [{ ...down, route: '' }] }, /shards\[0\].*route/],
	])('refuses %s, before anything begins', async (_, more, message) => {
		const onProgress = jest.fn();
		const error: unknown = await run({ ...more, onProgress }).catch((thrown: unknown) => thrown);
		expect(error).toBeInstanceOf(ConfigurationError);
		expect(String(error)).toMatch(message);
		expect(String(error)).toContain(`${name}()`);
		expect(String(error)).not.toContain('secret-of-nobody');
		expect(onProgress).not.toHaveBeenCalled();
	});
});

test('rows that fail are told with their database', async () => {
	await sharded.shard(1).admin.query(`
		BEGIN; SET LOCAL session_replication_role = replica;
		UPDATE destinations SET settings = jsonb_set(settings, '{kid}', '"gone"'); COMMIT`);
	const failed: unknown[] = [];
	const onFailure = (failure: unknown) => failed.push(failure);
	const { failures } = await runs.verifySettings({ onFailure });
	expect(failures).toEqual(failed);
	expect(failures.map(({ code, database }) => [code, database])).toEqual([
		['UNKNOWN_KEY', places[1]],
		['UNKNOWN_KEY', places[1]],
	]);
});

test('a log is exported to a file of one database', async () => {
	const purge = runs.purgeExpired({ logOlderThan: new Date(0), exportTo: '/nowhere/log.jsonl' });
	await expect(purge).rejects.toThrow(/`exportTo` works on one database/);
});
