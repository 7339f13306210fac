import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deletedLongAgo, entriesOfLongAgo, logIds } from '../retention/expired-rows.ts';
import { type Service, startService } from '../support/service.ts';
import { run } from './command-line.ts';

let service: Service;
let folder: string;

beforeAll(async () => {
	service = await startService();
	folder = await mkdtemp(join(tmpdir(), 'purge-'));
});
afterAll(async () => {
	await service.stop();
	await rm(folder, { recursive: true });
});

const purge = (...args: string[]) =>
	run(['purge', ...args], {
		environment: { DATABASE_URL: service.logins.serviceConnectionString },
	});
const bounds = ['--deleted-older-than', '400d', '--settings-keep', '0', '--log-older-than', '400d'];

test('a dry run says what would go, and the run that it went', async () => {
	await deletedLongAgo(service, 3);
	const { destinations, organizationId } = await service.tenant();
	const { id } = await destinations.create({
		...{ organizationId, type: 'console', name: 'x', settings: {} },
	});
	await destinations.update(id, { settings: { enableServerSide: false } });
	await entriesOfLongAgo(service, 12);
	const before = await logIds(service);

	const dry = await purge(...bounds, '--dry-run');
	expect(dry).toEqual({
		status: 0,
		stdout:
			'3 destinations would be purged.\n1 earlier setting would be deleted.\n12 entries would be removed from the log.\n',
		stderr: '',
	});
	expect(await logIds(service)).toEqual(before);

	const file = join(folder, 'audit.jsonl');
	const done = await purge(...bounds, '--export', file);
	expect(done.stdout).toMatch(
		/^3 destinations were purged\.\n1 earlier setting was deleted\.\n\d+ entries were exported\.\n12 entries were removed from the log\.\n$/,
	);
	expect(done.status).toBe(0);
	expect(done.stderr).toMatch(/Destinations: 3 rows\.[\s\S]+The log: 12 rows\./);
	const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
	expect(lines.map((line) => JSON.parse(line).id)).toEqual(expect.arrayContaining(before));
});

test('--json prints progress and the result', async () => {
	await entriesOfLongAgo(service, 12);
	const { status, stdout, stderr } = await purge(...bounds, '--batch', '5', '--json');
	expect([status, stderr]).toEqual([0, '']);
	const events = stdout
		.trimEnd()
		.split('\n')
		.map((line) => JSON.parse(line));
	expect(events).toContainEqual({ event: 'progress', part: 'log', done: 12, total: 12 });
	expect(events.at(-1)).toEqual({
		...{ event: 'result', dryRun: false, destinations: 0, settings: 0, log: 12 },
		...{ exported: 0, failed: 0, stopped: false },
	});
});

test('what the database refuses to remove ends it with 1, once the rest is gone', async () => {
	const [refused] = await deletedLongAgo(service, 2);
	await service.admin.query(
		`CREATE TABLE host_events (destination_id uuid CONSTRAINT host_events_fkey REFERENCES destinations (id));
		 INSERT INTO host_events VALUES ('${refused}')`,
	);
	try {
		const { status, stdout } = await purge('--deleted-older-than', '400d');
		expect(status).toBe(1);
		expect(stdout).toMatch(
			new RegExp(
				`destination ${refused} of organization .*: host_events_fkey\\n1 destination was purged`,
			),
		);
		const json = await purge('--deleted-older-than', '400d', '--json');
		expect(json.stdout).toContain(`"destinationId":"${refused}"`);
	} finally {
		await service.admin.query('DROP TABLE host_events');
	}
});

test('a signal ends it with 130', async () => {
	const stop = new AbortController();
	stop.abort();
	const { status, stdout } = await run(['purge', ...bounds], {
		environment: { DATABASE_URL: service.logins.serviceConnectionString },
		signal: stop.signal,
	});
	expect(status).toBe(130);
	expect(stdout).toContain('run the same command again');
});

test.each([
	[[], /Name what to remove/],
	[['--log-older-than', '29d'], /--log-older-than .*30d or more/],
	[['--log-older-than', '13 months'], /--log-older-than .*90d/],
	[['--deleted-older-than', '3'], /--deleted-older-than/],
	[['--settings-keep', 'all'], /--settings-keep/],
	[['--settings-keep', '1', '--export', 'x'], /--export needs --log-older-than/],
	[['--log-older-than', '90d', '--export', ''], /--export must be the name of a file/],
	[['--settings-keep', '1', '--batch', '0'], /--batch/],
	[['--everything'], /--everything/],
])('%p ends with 2, and nothing is removed', async (args, message) => {
	const { status, stderr } = await purge(...args);
	expect(status).toBe(2);
	expect(stderr).toMatch(message);
});
