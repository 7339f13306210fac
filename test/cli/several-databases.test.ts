import { commands } from '../../src/cli/commands.ts';
import { Sharded } from '../shards/sharded.ts';
import { posthog } from '../support/destinations.ts';
import { newKeys } from '../support/encryption.ts';
import { run } from './command-line.ts';

let sharded: Sharded;
const places: string[] = [];

beforeAll(async () => {
	sharded = await Sharded.open();
	for (const place of [0, 1, 2]) {
		const organizationId = await sharded.newOrganization(place);
		await sharded.db.forOrganization(organizationId).destinations.create(posthog(organizationId));
		const { hostname, port, pathname } = new URL(sharded.shard(place).url);
		places.push(`${hostname}:${port}${pathname}`);
	}
});
afterAll(() => sharded[Symbol.asyncDispose]());

const down = 'postgresql://nobody:secret-of-nobody@localhost:1/away';

/** The databases as their owner, who may be everybody. */
const urls = () => sharded.shards.map(({ database }) => database.connectionString);
const environment = (more: readonly string[] = []) => ({
	DATABASE_URLS: [...urls(), ...more].join(' '),
	DESTINATIONS_ENCRYPTION_KEYS: String(sharded.keys),
});
const eventsOf = (stdout: string) =>
	stdout
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line));

/** What a command needs besides, to begin. */
const needed: Readonly<Record<string, readonly string[]>> = {
	doctor: [],
	verify: [],
	rotate: [],
	purge: ['--settings-keep', '1000'],
};
const ofSeveral = commands.filter(({ eachDatabase }) => eachDatabase).map(({ name }) => name);

test('the commands that look after a database are those that run on several', () => {
	expect(ofSeveral.sort()).toEqual(Object.keys(needed).sort());
});

describe.each(Object.keys(needed))('%s', (name) => {
	const args = [name, ...(needed[name] ?? [])];

	test('runs on each database, and says of which it speaks', async () => {
		const text = await run(args, { environment: environment() });
		expect(text).toMatchObject({
			status: name === 'doctor' ? expect.any(Number) : 0,
			stderr: expect.any(String),
		});
		places.forEach((place, at) => {
			expect(text.stdout).toContain(`Database ${place}, ${at + 1} of 3\n`);
		});
		const { stdout } = await run([...args, '--json'], { environment: environment() });
		const events = eventsOf(stdout);
		const results = events.filter(({ event }) => event === 'result');
		expect(results.map(({ database }) => database)).toEqual(places);
		expect(events.slice(0, -1).every(({ database }) => places.includes(database))).toBe(true);
		expect(events.at(-1)).toMatchObject({ event: 'end', databases: 3 });
	});

	test('does the others where one is away, and names it', async () => {
		const several = { ...environment(), DATABASE_URLS: [down, ...urls()].join('\n') };
		const text = await run(args, { environment: several });
		expect(text.status).toBe(1);
		expect(text.stdout).toMatch(
			name === 'doctor'
				? /\n\d of 4 databases (has|have) problems: localhost:1\/away\b/
				: /\n1 of 4 databases has problems: localhost:1\/away\. Where a message says DATABASE_URL, it means this database's entry in DATABASE_URLS\.\n$/,
		);
		expect(text.stdout + text.stderr).not.toContain('secret-of-nobody');
		const { stdout } = await run([...args, '--json'], { environment: several });
		const events = eventsOf(stdout);
		const results = events.filter(({ event }) => event === 'result');
		expect(results.map(({ database }) => database)).toEqual(places);
		expect(events.at(-1).failed).toContain('localhost:1/away');
	});

	test('could not begin where none is there', async () => {
		const { status } = await run(args, {
			environment: { ...environment(), DATABASE_URLS: `${down} ${down}2` },
		});
		expect(status).toBe(name === 'doctor' ? 2 : 1);
	});

	test('refuses one database besides, and URLs that cannot be read, before it begins', async () => {
		for (const more of [
			{ DATABASE_URL: urls()[0] ?? '' },
			{ DATABASE_URLS: 'secret-of-nobody' },
			...(name === 'doctor' ? [{ DATABASE_SERVICE_URLS: urls()[0] ?? '' }] : []),
		]) {
			const ended = await run(args, { environment: { ...environment(), ...more } });
			expect(ended).toMatchObject({ status: 2, stdout: '' });
			expect(ended.stderr).toMatch(/^CONFIGURATION: DATABASE_/);
			expect(ended.stderr).not.toContain('secret-of-nobody');
		}
	});

	test('counts one database, and two that have problems, in words that fit', async () => {
		const ended = await run(args, { environment: { ...environment(), DATABASE_URLS: down } });
		expect(ended.stdout).toMatch(/^1 of 1 database has problems: localhost:1\/away\. Where /m);
		const both = { ...environment(), DATABASE_URLS: `${down} ${down}2` };
		expect((await run(args, { environment: both })).stdout).toMatch(
			/^2 of 2 databases have problems: localhost:1\/away, localhost:1\/away2\. .* it means the entry of that database in DATABASE_URLS\.$/m,
		);
		if (name === 'doctor') return;
		const one = await run(args, {
			environment: { ...environment(), DATABASE_URLS: urls()[0] ?? '' },
		});
		expect(one.stdout).toMatch(/\n1 of 1 database is done\.\n$/);
	});

	test('names all variables of one database at once, and how to run without them', async () => {
		const ofOne = { DATABASE_URL: urls()[0] ?? '', DATABASE_SERVICE_URL: urls()[0] ?? '' };
		const ended = await run(args, { environment: { ...environment(), ...ofOne } });
		expect(ended).toMatchObject({ status: 2, stdout: '' });
		expect(ended.stderr).toMatch(
			/^CONFIGURATION: DATABASE_URL, DATABASE_SERVICE_URL are for one database, and DATABASE_URLS names several\. Write `env -u DATABASE_URL -u DATABASE_SERVICE_URL` before the command/,
		);
	});

	test('stops at the database under way', async () => {
		const controller = new AbortController();
		controller.abort();
		const ended = await run(args, { environment: environment(), signal: controller.signal });
		if (name === 'doctor') return;
		expect(ended.status).toBe(130);
		expect(ended.stdout).toMatch(
			/\n0 of 3 databases are done\. Stopped at [^ ]+; 2 were not begun\.\n$/,
		);
	});
});

test('rotate seals on every database, and verify says so of each', async () => {
	const next = newKeys('next');
	const keys = `${next},${sharded.keys}`;
	const both = { ...environment(), DESTINATIONS_ENCRYPTION_KEYS: keys };
	const rotated = await run(['rotate', '--json'], { environment: both });
	const results = eventsOf(rotated.stdout).filter(({ event }) => event === 'result');
	expect(results.map(({ rotated }) => rotated)).toEqual([1, 1, 1]);
	const alone = { ...both, DESTINATIONS_ENCRYPTION_KEYS: String(next) };
	expect((await run(['verify'], { environment: alone })).status).toBe(0);
	// One of which nothing opens is no trouble of the others.
	await sharded.shard(1).admin.query(`
		BEGIN; SET LOCAL session_replication_role = replica;
		UPDATE destinations SET settings = jsonb_set(settings, '{kid}', '"gone"'); COMMIT`);
	const verified = await run(['verify', '--json'], { environment: alone });
	expect(verified.status).toBe(1);
	const events = eventsOf(verified.stdout);
	expect(events.filter(({ event }) => event === 'failure')).toMatchObject([
		{ code: 'UNKNOWN_KEY', database: places[1] },
	]);
	expect(events.at(-1)).toEqual({
		...{ event: 'end', databases: 3, done: 2 },
		failed: [places[1]],
	});
});

test('doctor takes the logins of each, and makes no script for several', async () => {
	const logins = sharded.shards.map(({ database }) => database.logins);
	const several = {
		DATABASE_URLS: logins.map(({ connectionString }) => connectionString).join(' '),
		DATABASE_SERVICE_URLS: logins.map((each) => each.serviceConnectionString).join(' '),
		DATABASE_LOADER_URLS: logins.map((each) => each.loaderConnectionString).join(' '),
	};
	const ended = await run(['doctor'], { environment: several });
	expect(ended.stdout).not.toContain('✗ failure');
	expect(ended).toMatchObject({ status: 0, stderr: '' });
	expect(ended.stdout).toMatch(/3 of 3 databases are done\.\n$/);
	expect(await run(['doctor', '--sql'], { environment: several })).toMatchObject({
		...{ status: 2, stdout: '' },
		stderr: expect.stringContaining('--sql works on one database'),
	});
	const { status, stderr } = await run(['doctor'], {
		environment: { ...several, DATABASE_REPLICA_URLS: down },
	});
	expect([status, stderr]).toEqual([2, expect.stringContaining('DATABASE_REPLICA_URLS')]);
});

test('doctor names the one database that has a failure, of three', async () => {
	const { admin } = sharded.shard(1);
	const ofDoctor = async () => {
		const text = await run(['doctor'], { environment: environment() });
		const { stdout } = await run(['doctor', '--json'], { environment: environment() });
		return { text: text.stdout, events: eventsOf(stdout) };
	};
	await admin.query('DROP INDEX idx_destinations_type');
	const { text, events } = await ofDoctor();
	const about = events.filter(({ message = '' }) => message.includes('idx_destinations_type'));
	expect(about.map(({ database }) => database)).toEqual([places[1]]);
	const [, first, second, third] = text.split(/^Database .*$/m);
	expect([first, second, third].map((part) => part?.includes('idx_destinations_type'))).toEqual([
		...[false, true, false],
	]);
});
