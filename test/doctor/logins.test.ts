import { newName } from '../tenancy/deployment.ts';
import { type Complaint, Examined, expectComplaints } from './examined.ts';

let examined: Examined;
let tenant: string;
let service: string;

beforeAll(async () => {
	examined = await Examined.open();
	tenant = new URL(examined.tenantUrl).username;
	service = new URL(examined.serviceUrl).username;
});
afterAll(() => examined.close());

const loginComplaints = async (options: Parameters<Examined['sections']>[0]) => {
	const sections = await examined.sections(options);
	return sections
		.filter(({ name }) => name === 'logins')
		.flatMap(({ findings }) => findings)
		.filter(({ severity }) => severity !== 'ok');
};

test('one login for both roles is a warning that names the script', () =>
	examined.withOneLogin(async (connectionString) => {
		const options = { connectionString, serviceConnectionString: undefined };
		const complaints = await loginComplaints(options);
		expectComplaints(complaints, ['warning', /serves tenants and the service/]);
		expect(complaints[0]?.fix).toContain('prisma/grants/logins.sql');
	}));

test('the same login in both URLs is one login', () =>
	examined.withOneLogin(async (url) => {
		const options = { connectionString: url, serviceConnectionString: url };
		expectComplaints(await loginComplaints(options), ['warning', /serves tenants and the service/]);
	}));

test("a tenants' login alone says what was not seen", async () => {
	const complaints = await examined.complaints({ serviceConnectionString: undefined });
	expectComplaints(
		complaints,
		['note', /^Migrations were not checked/],
		['warning', /cannot switch to the role service_role/],
		['warning', new RegExp(`^${service} may switch to service_role here`)],
		['warning', /^Keys in use were not counted/],
	);
	for (const at of [1, 3]) expect(complaints[at]?.fix).toContain('DATABASE_SERVICE_URL');
	// It may be the service's own login: then nothing is to be taken from it.
	expect(complaints[2]).toMatchObject({
		fix: expect.stringMatching(/^If it is the service's own login, set DATABASE_SERVICE_URL /),
		sql: `-- REVOKE service_role FROM ${service};`,
	});
});

test('a name with a line break does not leave the comment that a statement stands in', async () => {
	const name = newName();
	const login = `"${name}\nDROP TABLE users; --"`;
	await examined.run(`CREATE ROLE ${login} LOGIN; GRANT service_role TO ${login}`);
	await examined.letIn(login);
	try {
		const complaints = await examined.complaints({ serviceConnectionString: undefined });
		const found = complaints.find(({ message }) => message.includes(name));
		expect(found?.sql).toMatch(new RegExp(`^-- REVOKE service_role FROM "${name}\n-- DROP TABLE`));
	} finally {
		await examined.run(`DROP OWNED BY ${login}; DROP ROLE ${login}`);
	}
});

test('a superuser', async () => {
	const complaints = await loginComplaints({ connectionString: examined.deployment.superuserUrl });
	expectComplaints(complaints, ['failure', /^postgres is a superuser/]);
	expect(complaints[0]?.fix).toContain('prisma/grants/logins.sql');
});

test('a login that bypasses row level security', () =>
	examined.expectHealing(`ALTER ROLE ${tenant} BYPASSRLS`, ['failure', /BYPASSRLS/]));

test('a login that creates roles, which may be an administrator', async () => {
	await examined.run(`ALTER ROLE ${service} CREATEROLE`);
	const complaints = await examined.complaints();
	expectComplaints(complaints, ['failure', /CREATEROLE/]);
	expect(complaints[0]).toMatchObject({ fix: expect.stringContaining('prisma/grants/logins.sql') });
	expect(complaints[0]?.sql).toBeUndefined();
	await examined.run(`ALTER ROLE ${service} NOCREATEROLE`);
});

test("a tenants' login that may switch to the service", () =>
	examined.expectHealing(`GRANT service_role TO ${tenant}`, [
		'failure',
		new RegExp(`^${tenant} may switch to service_role, which only ${service} should$`),
	]));

test('a login that may read all data', () =>
	examined.expectHealing(`GRANT pg_read_all_data TO ${tenant}`, [
		'failure',
		/may switch to pg_read_all_data/,
	]));

test('a login that inherits what its role may', async () => {
	// From PostgreSQL 16 on the membership says it, before that the login.
	await examined.expectHealing(
		`ALTER ROLE ${tenant} INHERIT; REVOKE authenticated FROM ${tenant}; GRANT authenticated TO ${tenant}`,
		['warning', new RegExp(`^${tenant} has the rights of authenticated without becoming it$`)],
	);
});

test('a login that cannot switch to the role of a tenant', () =>
	examined.expectHealing(`REVOKE authenticated FROM ${tenant}`, [
		'failure',
		new RegExp(`^${tenant} cannot switch to the role authenticated`),
	]));

test('a login that cannot switch to the role of the service', () =>
	examined.expectHealing(
		`REVOKE service_role FROM ${service}`,
		['note', /^Migrations were not checked/],
		['failure', new RegExp(`^${service} cannot switch to the role service_role`)],
		['warning', /^Keys in use were not counted/],
	));

test('logins that may not set what every statement begins with', async () => {
	const setConfig = 'EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean)';
	await examined.run(
		`REVOKE ${setConfig} FROM PUBLIC; REVOKE USAGE ON LANGUAGE plpgsql, sql FROM PUBLIC`,
	);
	const partly: Complaint = ['note', /^Hardened in part: .* may make temporary types and tables$/];
	const complaints = await examined.complaints();
	expectComplaints(
		complaints,
		['failure', new RegExp(`^${tenant} may not call set_config`)],
		['failure', new RegExp(`^${service} may not call set_config`)],
		partly,
	);
	for (const { sql } of complaints) if (sql !== undefined) await examined.run(sql);
	expectComplaints(await examined.complaints(), partly);
	await examined.run(
		`GRANT ${setConfig} TO PUBLIC; GRANT USAGE ON LANGUAGE plpgsql, sql TO PUBLIC`,
	);
});

test('a login that owns the tables', async () => {
	const owner = newName();
	const other = await Examined.open();
	try {
		const login = new URL(other.tenantUrl).username;
		await other.run(`CREATE ROLE ${owner}`);
		other.deployment.dropLater(owner);
		const handOver = `DO $$ BEGIN
			EXECUTE (SELECT string_agg(format('ALTER TABLE %s OWNER TO ${owner}', oid::regclass), ';')
				FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r');
			EXECUTE (SELECT string_agg(format('ALTER FUNCTION %s OWNER TO ${owner}', oid::regprocedure), ';')
				FROM pg_proc WHERE pronamespace = 'public'::regnamespace); END $$`;
		// The policy by which the triggers write names the owner, whom it does not follow.
		await other.expectHealing(
			handOver,
			['failure', /^policy destination_audit_log_advancing .* TO postgres/],
			['failure', /^policy destination_audit_log_recording .* TO postgres/],
			['failure', /^policy destination_audit_log_retention .* TO postgres/],
			['failure', /^policy destination_settings_history_recording .* TO postgres/],
			['failure', /^policy organizations_mirroring .* TO postgres/],
			['failure', /^policy users_mirroring .* TO postgres/],
		);
		await other.run(`GRANT ${owner} TO ${login}`);
		expectComplaints(await other.complaints(), [
			'failure',
			new RegExp(`^${login} may switch to ${owner}`),
		]);
		await other.run(`REVOKE ${owner} FROM ${login}`);
		await other.run(`REASSIGN OWNED BY ${owner} TO ${login}`);
		const complaints = await other.complaints();
		expectComplaints(
			complaints,
			['failure', new RegExp(`^${login} owns the tables`)],
			['failure', /^policy destination_audit_log_advancing/],
			['failure', /^policy destination_audit_log_recording/],
			['failure', /^policy destination_audit_log_retention/],
			['failure', /^policy destination_settings_history_recording/],
			['failure', /^policy organizations_mirroring/],
			['failure', /^policy users_mirroring/],
		);
		expect(complaints[0]?.fix).toContain('prisma/grants/logins.sql');
		await other.run(`REASSIGN OWNED BY ${login} TO postgres`);
	} finally {
		await other.close();
	}
});

test("a tenants' login that may switch to destinations_loader", () =>
	examined.expectHealing(`GRANT destinations_loader TO ${tenant}`, [
		'failure',
		new RegExp(`^${tenant} may switch to destinations_loader`),
	]));

describe('the login of loaders', () => {
	let loaderConnectionString: string;
	let loader: string;
	beforeAll(async () => {
		loaderConnectionString = await examined.deployment.newLogin('destinations_loader');
		loader = new URL(loaderConnectionString).username;
		await examined.letIn(loader);
	});
	afterAll(() => examined.keepOut(loader));
	const complaints = () => examined.complaints({ loaderConnectionString });

	test('is well where it may switch to its role and nothing else', async () => {
		expect(await complaints()).toEqual([]);
	});

	test('is noted where doctor was given no login of loaders, and nothing is taken from it', async () => {
		expect(await examined.complaints()).toEqual([
			{
				severity: 'note',
				message: expect.stringMatching(
					new RegExp(`^${loader} may switch to destinations_loader here, and so read`),
				),
				subject: loader,
				fix: expect.stringMatching(/^If it is the login of loaders, set DATABASE_LOADER_URL /),
				sql: `-- REVOKE destinations_loader FROM ${loader};`,
			},
		]);
	});

	test('is a warning where doctor was given another', async () => {
		const other = await examined.deployment.newLogin('destinations_loader');
		const { username } = new URL(other);
		await examined.letIn(username);
		expect(await examined.complaints({ loaderConnectionString: other })).toEqual([
			expect.objectContaining({
				severity: 'warning',
				fix: 'Unless it is a login of a service:',
				sql: `REVOKE destinations_loader FROM ${loader};`,
			}),
		]);
		await examined.keepOut(username);
	});

	test.each<[string, RegExp]>([
		['REVOKE destinations_loader FROM', / cannot switch to the role destinations_loader/],
		['GRANT authenticated TO', / may switch to authenticated, and a loader does not start/],
		['GRANT pg_read_all_data TO', / may switch to pg_read_all_data/],
		['ALTER ROLE LOADER BYPASSRLS', / bypasses row level security/],
	])('%s it is a failure, and the fix heals it', async (sql, message) => {
		await examined.run(sql.includes('LOADER') ? sql.replace('LOADER', loader) : `${sql} ${loader}`);
		const found = await complaints();
		expectComplaints(found, ['failure', message]);
		for (const { sql: fix } of found) if (fix !== undefined) await examined.run(fix);
		expect(await complaints()).toEqual([]);
	});

	test('that may switch to service_role is a failure by each of the two rules', async () => {
		await examined.run(`GRANT service_role TO ${loader}`);
		const found = await complaints();
		expectComplaints(found, [
			'failure',
			/ may switch to service_role, and a loader does not start/,
		]);
		for (const { sql: fix } of found) if (fix !== undefined) await examined.run(fix);
		expect(await complaints()).toEqual([]);
	});
});

test('two URLs that lead to different databases', async () => {
	const other = await Examined.open();
	try {
		expectComplaints(await loginComplaints({ serviceConnectionString: other.serviceUrl }), [
			'failure',
			/different databases/,
		]);
	} finally {
		await other.close();
	}
});
