import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { Examined } from './examined.ts';

let examined: Examined;

beforeEach(async () => {
	examined = await Examined.open();
});
afterEach(() => examined.close());

const loginOf = (url: string) => new URL(url).username;

test('a login that begins in another zone', async () => {
	const login = loginOf(examined.tenantUrl);
	await examined.expectHealing(`ALTER ROLE ${login} SET TimeZone = 'Asia/Tokyo'`, [
		'warning',
		/^Sessions of .* begin in Asia\/Tokyo/,
	]);
});

test('a zone that is UTC for half of the year', async () => {
	const login = loginOf(examined.tenantUrl);
	await examined.expectHealing(`ALTER ROLE ${login} SET TimeZone = 'Europe/London'`, [
		'warning',
		/Europe\/London/,
	]);
});

test('a login whose dates are in another form', async () => {
	const login = loginOf(examined.tenantUrl);
	await examined.expectHealing(`ALTER ROLE ${login} SET DateStyle = 'SQL, DMY'`, [
		'warning',
		/^Sessions of .* begin with the DateStyle SQL, DMY/,
	]);
});

test('settings that change how the catalog is written, which is no change of the schema', async () => {
	for (const url of [examined.tenantUrl, examined.serviceUrl]) {
		for (const setting of [
			'standard_conforming_strings = off',
			'quote_all_identifiers = on',
			"IntervalStyle = 'sql_standard'",
			"bytea_output = 'escape'",
			'extra_float_digits = -15',
			"xmlbinary = 'hex'",
		]) {
			await examined.run(`ALTER ROLE ${loginOf(url)} SET ${setting}`);
		}
	}
	expect(await examined.complaints()).toEqual([]);
});

test('a session that is taken out of UTC after it began, as a pooler may', async () => {
	const [{ version } = { version: 0 }] = await examined.deployment.rows<{ version: number }>(
		`SELECT current_setting('server_version_num')::integer AS version`,
	);
	// Login triggers are from PostgreSQL 17 on.
	if (version < 170_000) return;
	await examined.run(`CREATE FUNCTION public.to_tokyo() RETURNS event_trigger LANGUAGE plpgsql
			AS $$ BEGIN PERFORM pg_catalog.set_config('TimeZone', 'Asia/Tokyo', false); END $$;
		CREATE EVENT TRIGGER to_tokyo ON login EXECUTE FUNCTION public.to_tokyo();
		ALTER EVENT TRIGGER to_tokyo ENABLE ALWAYS`);
	expect(await examined.complaints()).toEqual([
		{
			severity: 'failure',
			message: 'Sessions are in Asia/Tokyo though clients ask for UTC: times are read wrong',
			fix: expect.stringMatching(/namedStatements: false/),
		},
	]);
	await examined.run(`CREATE OR REPLACE FUNCTION public.to_tokyo() RETURNS event_trigger LANGUAGE plpgsql
			AS $$ BEGIN PERFORM pg_catalog.set_config('DateStyle', 'German', false); END $$`);
	expect(await examined.complaints()).toEqual([
		{
			severity: 'failure',
			message:
				'Sessions have the DateStyle German, DMY though clients ask for ISO: days are read as months',
			fix: expect.stringMatching(/namedStatements: false/),
		},
	]);
});

test('a login for which no trigger runs', async () => {
	const login = loginOf(examined.tenantUrl);
	await examined.expectHealing(`ALTER ROLE ${login} SET session_replication_role = replica`, [
		'failure',
		/^session_replication_role is replica/,
	]);
});

test('a login that can write nothing', async () => {
	const login = loginOf(examined.tenantUrl);
	await examined.expectHealing(`ALTER ROLE ${login} SET default_transaction_read_only = on`, [
		'failure',
		/^default_transaction_read_only is on/,
	]);
});

test('a pooler, by its process ids', async () => {
	const proxy = await startProxy(examined.tenantUrl);
	try {
		expect(await examined.complaints({ connectionString: proxy.url })).toEqual([
			{
				severity: 'note',
				message: 'A pooler or a proxy stands before the server',
				fix: expect.stringMatching(/namedStatements: false.*transaction/),
			},
		]);
	} finally {
		proxy.close();
	}
});

test('a pooler that refuses the options of a session', async () => {
	const proxy = await startProxy(examined.tenantUrl, { refuseOptions: true });
	try {
		expect(await examined.complaints({ connectionString: proxy.url })).toEqual([
			expect.objectContaining({ severity: 'note' }),
			{
				severity: 'warning',
				message: expect.stringMatching(/unsupported startup parameter: options/),
				fix: expect.stringMatching(/namedStatements: false/),
			},
		]);
	} finally {
		proxy.close();
	}
});

/** Passes everything on, but for what poolers change: process ids, and the options that PgBouncer refuses. */
async function startProxy(target: string, { refuseOptions = false } = {}) {
	const { hostname, port } = new URL(target);
	const server = createServer((client) => {
		const upstream = connect(Number(port), hostname);
		let started = false;
		client.on('data', (data) => {
			if (refuseOptions && !started && data.includes('\0options\0')) {
				const fields = 'SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0';
				const head = Buffer.alloc(5);
				head.write('E');
				head.writeInt32BE(4 + fields.length, 1);
				client.end(Buffer.concat([head, Buffer.from(fields)]));
				upstream.destroy();
				return;
			}
			started = true;
			upstream.write(data);
		});
		upstream.on('data', (data) => {
			// BackendKeyData: 'K', its length of 12, and the process id.
			const at = data.indexOf(Buffer.from([0x4b, 0, 0, 0, 12]));
			if (at !== -1) data.writeInt32BE(7, at + 5);
			client.write(data);
		});
		for (const [one, other] of [
			[client, upstream],
			[upstream, client],
		] as const) {
			one.on('error', () => {});
			one.on('close', () => other.destroy());
		}
	}).listen(0, '127.0.0.1');
	await once(server, 'listening');
	const url = new URL(target);
	url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
	return { url: url.href, close: () => server.close() };
}
