import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { ReadOnlySession, UnreachableError } from '../../src/doctor/read-only-session.ts';
import { ConfigurationError } from '../../src/index.ts';
import { withLogin } from '../../src/testing/databases.ts';
import { newName } from '../tenancy/deployment.ts';
import { Examined } from './examined.ts';

let examined: Examined;

beforeAll(async () => {
	examined = await Examined.open();
});
afterAll(() => examined.close());

describe('nothing is changed', () => {
	test.each([
		`INSERT INTO public.organizations DEFAULT VALUES`,
		`UPDATE public.destinations SET name = 'x'`,
		`CREATE TABLE public.made ()`,
		`SELECT nextval('public.destination_audit_log_id_seq')`,
		`TRUNCATE public.users`,
		`COMMENT ON TABLE public.users IS 'x'`,
	])('%s is refused to a superuser', async (statement) => {
		await using session = await ReadOnlySession.open({
			connectionString: examined.deployment.superuserUrl,
		});
		await expect(session.rows(statement)).rejects.toMatchObject({ code: '25006' });
	});

	test('a diagnosis leaves rows, statistics of writes and sessions as they were', async () => {
		const state = () =>
			examined.deployment.rows(
				`SELECT (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_user_tables)::text AS writes,
					(SELECT array_agg(relname ORDER BY oid) FROM pg_class) AS relations,
					(SELECT count(*) FROM pg_stat_activity
						WHERE datname = current_database() AND application_name = 'consent-destinations') AS sessions`,
			);
		const before = await state();
		await examined.sections();
		// A server ends a session after its client is gone.
		await expectSoon(async () => expect(await state()).toEqual(before));
	});

	// With an empty path Postgres looks into pg_temp first, and a pooler may hand on a session that has tables there.
	test('the catalog is looked into before temporary tables', async () => {
		await using session = await ReadOnlySession.open({ connectionString: examined.serviceUrl });
		expect(await session.rows('SHOW search_path')).toEqual([
			{ search_path: 'pg_catalog, pg_temp' },
		]);
	});

	test('a role that was taken on for a look is laid down', async () => {
		await using session = await ReadOnlySession.open({ connectionString: examined.serviceUrl });
		const role = async () => {
			const [row] = await session.rows<{ role: string }>('SELECT current_user AS role');
			return row?.role;
		};
		const before = await role();
		await session.attemptAs('service_role', async () => {
			expect(await role()).toBe('service_role');
			await session.attempt(() => session.rows('SELECT 1 / 0'));
		});
		expect(await role()).toBe(before);
	});
});

describe('where no session begins', () => {
	const refusal = (connectionString: string, more = {}) =>
		diagnose({ connectionString, ...more }).then(
			() => undefined,
			(error: unknown) => error,
		);

	test('nobody listens', async () => {
		const error = await refusal('postgres://u:pa55word@127.0.0.1:1/none');
		expect(error).toBeInstanceOf(UnreachableError);
		expect(error).toMatchObject({
			message: expect.stringMatching(/^Cannot connect to 127.0.0.1:1\/none as u: .*ECONNREFUSED/),
		});
		expect(String(error)).not.toContain('pa55word');
	});

	test('somebody listens and never answers', async () => {
		const sockets: Socket[] = [];
		const server = createServer((socket) => sockets.push(socket)).listen(0, '127.0.0.1');
		await once(server, 'listening');
		const { port } = server.address() as AddressInfo;
		const began = performance.now();
		const error = await refusal(`postgres://u@127.0.0.1:${port}/none`, {
			connection: { connectionTimeoutMillis: 300 },
		});
		expect(error).toBeInstanceOf(UnreachableError);
		// The limit where none is given.
		expect(performance.now() - began).toBeLessThan(10_000);
		for (const socket of sockets) socket.destroy();
		server.close();
	});

	test('a wrong password, a login and a database that do not exist', async () => {
		const { tenantUrl } = examined;
		const { username } = new URL(tenantUrl);
		const wrong = newName();
		const failed = await refusal(withLogin(tenantUrl, username, wrong));
		expect(failed).toMatchObject({ cause: { code: '28P01' } });
		expect(String(failed)).not.toContain(wrong);
		const nowhere = new URL(tenantUrl);
		nowhere.pathname = '/nowhere';
		expect(await refusal(nowhere.href)).toMatchObject({ cause: { code: '3D000' } });
		expect(
			await refusal(tenantUrl, { serviceConnectionString: withLogin(tenantUrl, newName(), wrong) }),
		).toBeInstanceOf(UnreachableError);
	});

	test('a URL that cannot be read, or whose password was taken for something else', async () => {
		const unreadable = await refusal('postgres://u:s3cret#1@127.0.0.1:1/none');
		expect(unreadable).toBeInstanceOf(ConfigurationError);
		expect(JSON.stringify(unreadable)).not.toContain('s3cret');
		const mistaken = await refusal('postgres://127.0.0.1:1/34s3cret@host/none');
		expect(mistaken).toBeInstanceOf(UnreachableError);
		expect(String(mistaken)).not.toContain('s3cret');
	});
});

test('a lock that somebody holds does not hold it up, and what could not be checked is a failure', async () => {
	const holder = await examined.deployment.connect();
	await holder.query('BEGIN; LOCK destinations IN ACCESS EXCLUSIVE MODE');
	try {
		const complaints = await examined.complaints();
		expect(complaints.length).toBeGreaterThan(0);
		expect(complaints[0]?.message).toMatch(/lock timeout/);
	} finally {
		await holder.query('ROLLBACK');
	}
	expect(await examined.complaints()).toEqual([]);
});

async function expectSoon(check: () => Promise<void>): Promise<void> {
	for (const deadline = Date.now() + 60_000; Date.now() < deadline; ) {
		try {
			return await check();
		} catch {
			await new Promise((resolve) => setTimeout(resolve, 100));
		}
	}
	await check();
}
