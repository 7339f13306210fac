import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import type { Destination } from '../../src/index.ts';
import { commandsOf } from '../docs/command-lines.ts';
import { posthog, posthogKey } from '../support/destinations.ts';
import { Sharded } from './sharded.ts';

let sharded: Sharded;
beforeAll(async () => {
	sharded = await Sharded.open();
});
afterAll(() => sharded[Symbol.asyncDispose]());

/** Which comes with Postgres's client programs. */
const hasPsql = spawnSync('psql', ['--version']).status === 0;
if (!hasPsql)
	process.stderr.write('Not tried, because there is no psql: how organizations move.\n');
const withPsql = hasPsql ? test : test.skip;

const [copy = '', remove = ''] = commandsOf(
	'docs/guides/shards.md',
	'psql "$OLD_URL" -v organization="$ORGANIZATION_ID"',
);

/** Types a command of the guide, from one shard to another. */
async function type(
	line: string,
	organizationId: string,
	[from, to]: readonly [number, number] = [0, 1],
): Promise<{ readonly status: number; readonly output: string }> {
	const here = line.replaceAll('node_modules/@consent-io/destinations/', '');
	const shell = spawn('bash', ['-c', here], {
		env: {
			...process.env,
			OLD_URL: sharded.shard(from).database.connectionString,
			NEW_URL: sharded.shard(to).database.connectionString,
			ORGANIZATION_ID: organizationId,
		},
	});
	const printed = Promise.all([text(shell.stdout), text(shell.stderr)]);
	const [status] = await once(shell, 'exit');
	return { status, output: (await printed).join('') };
}

const tables = ['destinations', 'destination_settings_history', 'destination_audit_log'];
const countsOf = async (organizationId: string) => {
	const counts = [];
	for (const table of tables) {
		counts.push(await sharded.counts(table, `organization_id = '${organizationId}'`));
	}
	return counts;
};

/** An organization on the first shard with a destination of three versions and one that is deleted, known to the second. */
async function newTenant() {
	const organizationId = await sharded.newOrganization(0);
	const actorId = await sharded.newUser();
	const { destinations } = sharded.db.forOrganization(organizationId, { actorId });
	const { id } = await destinations.create(posthog(organizationId));
	await destinations.update(id, { settings: { apiKey: 'phc_second' } });
	const live = await destinations.update(id, { name: 'Third' });
	const gone = await destinations.create({
		...{ organizationId, type: 'console', name: 'Gone', settings: {} },
	});
	await destinations.softDelete(gone.id);
	await sharded
		.shard(0)
		.admin.query(
			`INSERT INTO destination_data_keys (organization_id, wrapped_key) VALUES ($1, '\\x00ff5c')`,
			[organizationId],
		);
	return { organizationId, live, gone };
}

const arrive = (organizationId: string, place: number) =>
	sharded.shard(place).admin.query('INSERT INTO organizations (id) VALUES ($1)', [organizationId]);

/** All that a tenant sees of a destination. */
async function seen({ id, organizationId }: Destination) {
	const { destinations, audit } = sharded.db.forOrganization(organizationId);
	const entries = (await audit.list()).items.map(({ id: _, transactionId: __, ...entry }) => entry);
	return {
		found: await destinations.findById(id),
		history: (await destinations.history(id)).items,
		entries,
	};
}

withPsql(
	'an organization moves as the guide says, with versions, history and log, and back',
	async () => {
		const { organizationId, live, gone } = await newTenant();
		const before = await seen(live);
		expect(before.history).toHaveLength(3);
		await arrive(organizationId, 1);
		// The new database has a log of its own, which goes on.
		const other = await sharded.newOrganization(1);
		await sharded.db.forOrganization(other).destinations.create(posthog(other));

		expect(await type(copy, organizationId)).toMatchObject({
			status: 0,
			output: expect.stringMatching(
				/destinations +\| +2\n keys +\| +1\n log +\| +5\n settings +\| +1\n/,
			),
		});
		sharded.places.set(organizationId, 1);
		expect(await seen(live)).toEqual(before);
		expect(await type(remove, organizationId)).toMatchObject({ status: 0 });
		expect(await countsOf(organizationId)).toEqual([
			[0, 2, 0],
			[0, 1, 0],
			[0, 5, 0],
		]);
		expect(await sharded.counts('destination_data_keys', `wrapped_key = '\\x00ff5c'`)).toEqual([
			0, 1, 0,
		]);
		const { destinations } = sharded.db.forOrganization(organizationId);
		expect(await destinations.revert(live.id, 1)).toMatchObject({
			...{ version: 4, settings: { apiKey: posthogKey } },
		});
		await destinations.restore(gone.id);
		expect((await destinations.history(gone.id)).items).toHaveLength(3);
		const service = sharded.db.asService();
		const entries = (await service.audit.list({ limit: 1000 })).items;
		const own = entries.filter((entry) => entry.organizationId === organizationId);
		expect(own.map(({ version }) => version)).toEqual([3, 4, 2, 1, 3, 2, 1]);
		expect(entries.find(({ action }) => action === 'log_pruned')?.changes).toMatchObject({
			...{ organizationId: { old: organizationId }, entries: { old: 5 } },
		});

		expect(await type(copy, organizationId, [1, 0])).toMatchObject({ status: 0 });
		const there = await seen(live);
		sharded.places.set(organizationId, 0);
		expect(await seen(live)).toEqual(there);
		expect(await type(remove, organizationId, [1, 0])).toMatchObject({ status: 0 });
		expect((await countsOf(organizationId)).map(([first]) => first)).toEqual([2, 2, 7]);
	},
);

withPsql.each([
	['that is not there', async () => {}, /is not on this database/],
	[
		'whose users are not there',
		async (id: string) => {
			await arrive(id, 1);
			await sharded.shard(1).admin.query('DELETE FROM users');
		},
		/name users who are not on this database/,
	],
	[
		'that is there already',
		async (id: string) => {
			await arrive(id, 1);
			expect(await type(copy, id)).toMatchObject({ status: 0 });
		},
		/has rows of organization .* already/,
	],
])('an organization %s is refused, and nothing changes', async (_, prepare, message) => {
	const { organizationId } = await newTenant();
	await prepare(organizationId);
	const before = await countsOf(organizationId);
	const { status, output } = await type(copy, organizationId);
	expect(output).toMatch(message);
	expect(status).not.toBe(0);
	expect(await countsOf(organizationId)).toEqual(before);
});

withPsql.each([
	['fails', 'move-out.sql |', 'no-such-file.sql |'],
	['breaks off', 'move-out.sql |', 'move-out.sql | head -n 3 |'],
])('a copy that %s writes nothing', async (_, found, instead) => {
	const { organizationId } = await newTenant();
	await arrive(organizationId, 1);
	const before = await countsOf(organizationId);
	const broken = copy.replace(found, instead);
	expect(broken).not.toBe(copy);
	const { status, output } = await type(broken, organizationId);
	expect(output).toMatch(/is not whole, so nothing was written/);
	expect(status).not.toBe(0);
	expect(await countsOf(organizationId)).toEqual(before);
});
