import { execFile } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createDestinationsClient } from '@consent-io/destinations';
import { createTestDestination, createTestKeys } from '@consent-io/destinations/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { signToken } from '../src/caller.ts';
import { Api, secret } from './api.ts';
import { database } from './database.ts';
import { ServiceProcess } from './service-process.ts';

const keys = createTestKeys();
const tokenSecret = 'a secret of the tests that is long enough';
let service: ServiceProcess | undefined;

afterEach(() => service?.kill());

function start(changes: Record<string, string> = {}): ServiceProcess {
	service = new ServiceProcess({
		DATABASE_URL: database.logins.connectionString,
		DATABASE_SERVICE_URL: database.logins.serviceConnectionString,
		DESTINATIONS_ENCRYPTION_KEYS: keys,
		TOKEN_SECRET: tokenSecret,
		...changes,
	});
	return service;
}

describe('a signal', () => {
	it('lets the request under way finish, takes no other, and ends the process', async () => {
		await using db = createDestinationsClient({ ...database.logins, keys });
		const { id, organizationId } = await createTestDestination(db);
		const running = start();
		const url = await running.url();
		const { id: userId } = await db.asService().prisma.user.create({ data: {} });
		const caller = { organizationId, userId };
		const api = new Api(url, caller, await signToken(caller, tokenSecret));
		expect((await api.call(`GET /destinations/${id}`)).status).toBe(200);

		const change = { name: 'In time', settings: { enableClientSide: false } };
		// While somebody else holds the row, the request waits.
		const answer = await db.asService().transaction(async (tx) => {
			await tx.prisma.$queryRaw`SELECT id FROM destinations WHERE id = ${id}::uuid FOR UPDATE`;
			const waiting = api.call(`PATCH /destinations/${id}`, change);
			await running.printed(/"method":"PATCH"/);
			running.signal('SIGTERM');
			await refused(url);
			return { waiting };
		});
		expect(await answer.waiting).toMatchObject({ status: 200, body: change });
		expect(await running.exited()).toBe(0);
	});

	it('ends an idle one at once, though callers keep their connections', async () => {
		const running = start();
		const url = await running.url();
		expect((await fetch(`${url}/health`)).status).toBe(200);
		const asked = performance.now();
		running.signal('SIGINT');
		expect(await running.exited()).toBe(0);
		// Fastify would leave a connection open for 72 seconds.
		expect(performance.now() - asked).toBeLessThan(10_000);
	});
});

it('logs one JSON object a line, none with a secret', async () => {
	const running = start();
	const url = await running.url();
	await fetch(`${url}/destinations`, { headers: { authorization: `Bearer ${secret}` } });
	running.signal('SIGTERM');
	await running.exited();
	const lines = running.output.trim().split('\n');
	expect(lines.map((line) => typeof JSON.parse(line))).toEqual(lines.map(() => 'object'));
	for (const hidden of [secret, tokenSecret, keys.split(':')[1] ?? keys, 'postgres']) {
		expect(running.output).not.toContain(hidden);
	}
});

it.each([
	['an incomplete environment', { TOKEN_SECRET: 'short' }, 'TOKEN_SECRET'],
	['keys that are not valid', { DESTINATIONS_ENCRYPTION_KEYS: 'k:12' }, 'CONFIGURATION'],
	['a database that is unavailable', { DATABASE_URL: 'postgresql://a:b@127.0.0.1:1/c' }, 'reach'],
])('does not start with %s, and says so', async (_, changes, told) => {
	const running = start(changes);
	expect(await running.exited()).toBe(1);
	expect(running.output).toContain(told);
	expect(running.output).not.toContain('listening');
});

it('tried out, it prints commands that work, and leaves nothing', async () => {
	const folder = await mkdtemp(join(tmpdir(), 'destinations-service-'));
	// Postgres runs as another user where the tests are root's.
	await chmod(folder, 0o755);
	service = new ServiceProcess({ TMPDIR: folder });
	await service.printed(/Ctrl-C/);
	const commands = service.output.match(/^(CALLER=|curl ).*$/gm) ?? [];
	expect(commands).toHaveLength(4);
	const { stdout } = await promisify(execFile)('bash', ['-c', commands.join(' && echo\n')]);
	const [made, list, health] = stdout
		.trim()
		.split('\n')
		.map((line) => JSON.parse(line));
	expect(made).toMatchObject({
		name: 'Shop',
		settings: { accessToken: expect.stringMatching(/^•/) },
	});
	expect(list).toEqual({ items: [made], nextCursor: null });
	expect(health).toEqual({ status: 'ok' });
	expect(await leftIn(folder)).not.toEqual([]);

	service.signal('SIGINT');
	expect(await service.exited()).toBe(0);
	expect(await leftIn(folder)).toEqual([]);
	await rm(folder, { recursive: true });
});

/** What the service and its Postgres have put there: all but the cache of tsx, which is for the next start. */
async function leftIn(folder: string): Promise<string[]> {
	return (await readdir(folder)).filter((name) => !name.startsWith('tsx-'));
}

/** Waits until nobody listens any more. */
async function refused(url: string): Promise<void> {
	for (;;) {
		try {
			await fetch(`${url}/health`, { headers: { connection: 'close' } });
		} catch {
			return;
		}
		await sleep(20);
	}
}
