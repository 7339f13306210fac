import { DatabaseError, Pool, type PoolClient, type PoolConfig } from 'pg';
import {
	type CommandComplete,
	collect,
	type DataRow,
	forgetPrepared,
	forgetSubmitted,
	isIdle,
	isPrepared,
	type PgConnection,
	type RowDescription,
	SentQuery,
	submit,
	type WireQuery,
	watchTransactionStatus,
} from '../../src/database/pg-protocol.ts';
import { createEmptyDatabase, type TestDatabase } from '../support/database.ts';

// What this package uses of pg beyond what pg documents, each member by itself: where a new pg, or an old one, does it
// in another way, the test of that member says so. `TEST_PG=pg-oldest` runs them with the oldest that is supported.

let database: TestDatabase;
const pools: Pool[] = [];

beforeAll(async () => {
	database = await createEmptyDatabase();
});

afterEach(async () => {
	await Promise.all(pools.splice(0).map((pool) => pool.end()));
});

afterAll(() => database.drop());

async function connect(config: PoolConfig = {}): Promise<PoolClient> {
	const pool = new Pool({ connectionString: database.connectionString, max: 1, ...config });
	pools.push(pool);
	const client = await pool.connect();
	client.release();
	return client;
}

/** Sends what a test says, and notes what pg calls. */
class Noted implements WireQuery {
	readonly calls: string[] = [];
	readonly ended: Promise<void>;
	/** pg files what it prepared under this name. */
	name: string | undefined;
	text = '';
	callback: (error: Error | null) => void;
	wire: PgConnection | undefined;
	error: Error | undefined;
	fields: RowDescription['fields'] = [];
	readonly rows: DataRow['fields'][] = [];
	readonly #send: (wire: PgConnection) => void;
	#end: () => void = () => {};

	constructor(send: (wire: PgConnection) => void) {
		this.#send = send;
		this.ended = new Promise((resolve) => {
			this.#end = resolve;
		});
		this.callback = (error) => this.#note('callback', error ?? undefined);
	}

	submit(wire: PgConnection): null {
		this.wire = wire;
		this.#send(wire);
		return null;
	}

	handleRowDescription({ fields }: RowDescription): void {
		this.calls.push('RowDescription');
		this.fields = fields;
	}

	handleDataRow({ fields }: DataRow): void {
		this.calls.push('DataRow');
		this.rows.push(fields);
	}

	handleCommandComplete({ text }: CommandComplete, wire: PgConnection): void {
		this.calls.push(`CommandComplete ${text}${wire === this.wire ? '' : ', without the wire'}`);
	}

	handleEmptyQuery(): void {
		this.calls.push('EmptyQuery');
	}

	handleCopyInResponse(wire: PgConnection): void {
		this.calls.push('CopyInResponse');
		wire.sendCopyFail('no');
		wire.sync();
	}

	handleCopyData(): void {
		this.calls.push('CopyData');
	}

	handleReadyForQuery(): void {
		this.#note('ReadyForQuery');
	}

	handleError(error: Error, wire: PgConnection): void {
		this.#note(`Error${wire === this.wire ? '' : ', without the wire'}`, error);
	}

	#note(call: string, error?: Error): void {
		this.calls.push(call);
		this.error = error;
		this.#end();
	}
}

async function sent(
	client: PoolClient,
	send: (wire: PgConnection) => void,
	name?: [string, string],
): Promise<Noted> {
	const query = new Noted(send);
	if (name !== undefined) [query.name, query.text] = name;
	submit(client, query);
	await query.ended;
	return query;
}

const everything = (wire: PgConnection, text: string, values: unknown[] = [], name = '') => {
	wire.parse({ text, name });
	wire.bind({ statement: name, values });
	wire.describe({ type: 'P', name: '' });
	wire.execute({});
	wire.sync();
};

/** The types of the messages in a piece of what is sent. */
function typesOf(bytes: Uint8Array): string {
	const buffer = Buffer.from(bytes);
	let types = '';
	for (let at = 0; at < buffer.length; at += 1 + buffer.readInt32BE(at + 1)) {
		types += String.fromCharCode(buffer.readUInt8(at));
	}
	return types;
}

test('the messages of the extended protocol, and the answers in their order', async () => {
	const query = await sent(await connect(), (wire) =>
		everything(wire, 'SELECT $1::text AS a, NULL::int AS b', ['é']),
	);
	expect(query.calls).toEqual([
		'RowDescription',
		'DataRow',
		'CommandComplete SELECT 1',
		'ReadyForQuery',
	]);
	expect(query.fields).toMatchObject([
		{ name: 'a', dataTypeID: 25, format: 'text' },
		{ name: 'b', dataTypeID: 23 },
	]);
	expect(query.rows).toEqual([['é', null]]);
});

test("values go out as text and bytes, and of pg's own query as lists too", async () => {
	const client = await connect();
	const text = 'SELECT $1::text, $2::bytea, $3::uuid';
	const values = ['x', Buffer.from([0, 255]), null];
	const { rows } = await sent(client, (wire) => everything(wire, text, values));
	expect(rows).toEqual([['x', '\\x00ff', null]]);
	const list = { text: 'SELECT $1::text[], $2::int', values: [['a', null, '"'], 7] };
	const plain = new SentQuery(list, () => {});
	const query = await sent(client, (wire) => plain.prepare(wire));
	expect(query.rows).toEqual([['{a,NULL,"\\""}', '7']]);
});

test('a value that cannot be written is an error of the callback', async () => {
	const circular: Record<string, unknown> = {};
	circular.self = circular;
	const errors: (Error | null)[] = [];
	await sent(await connect(), (wire) => {
		const query = new SentQuery({ text: 'SELECT $1', values: [circular] }, (error) =>
			errors.push(error),
		);
		collect(wire, (collecting) => query.prepare(collecting));
		wire.query('SELECT 1');
	});
	expect(errors).toEqual([
		expect.objectContaining({ message: expect.stringContaining('circular') }),
	]);
});

test('a query of the simple protocol', async () => {
	const { calls, rows } = await sent(await connect(), (wire) => wire.query('SELECT 1; SELECT 2'));
	expect(rows).toEqual([['1'], ['2']]);
	expect(calls.filter((call) => call !== 'RowDescription' && call !== 'DataRow')).toEqual([
		'CommandComplete SELECT 1',
		'CommandComplete SELECT 1',
		'ReadyForQuery',
	]);
});

test('an empty statement, and data that is copied out', async () => {
	const client = await connect();
	expect((await sent(client, (wire) => everything(wire, ''))).calls).toEqual([
		'EmptyQuery',
		'ReadyForQuery',
	]);
	const { calls } = await sent(client, (wire) => wire.query('COPY (SELECT 1) TO STDOUT'));
	expect(calls).toEqual(['CopyData', 'CommandComplete COPY 1', 'ReadyForQuery']);
});

test('data that is to be copied in can be refused', async () => {
	const client = await connect();
	await client.query('CREATE TEMP TABLE filled (id int)');
	const { calls, error } = await sent(client, (wire) => everything(wire, 'COPY filled FROM STDIN'));
	expect(calls).toEqual(['CopyInResponse', 'Error']);
	expect(error).toMatchObject({ code: '57014' });
	expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

test('a refusal is a DatabaseError, with the wire, and the connection goes on', async () => {
	const client = await connect();
	const { calls, error } = await sent(client, (wire) => everything(wire, 'SELECT 1 / 0'));
	expect(calls.at(-1)).toBe('Error');
	expect(error).toBeInstanceOf(DatabaseError);
	expect(error).toMatchObject({ code: '22012', severity: 'ERROR' });
	expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
});

test('what is collected goes out in one piece, and until then nothing does', async () => {
	const client = await connect();
	let types = '';
	const { rows } = await sent(client, (wire) => {
		const writes: unknown[] = [];
		const { stream } = wire;
		const write = stream.write;
		stream.write = (bytes: Uint8Array) => writes.push(bytes);
		const bytes = collect(wire, (collecting) => everything(collecting, 'SELECT 1'));
		stream.write = write;
		expect(writes).toEqual([]);
		types = typesOf(bytes);
		stream.write(bytes);
	});
	expect([types, rows]).toEqual(['PBDES', [['1']]]);
});

describe('statements that are prepared', () => {
	const text = 'SELECT 1 AS one';
	const name = 'contract';
	const prepare = (client: PoolClient) =>
		sent(client, (wire) => everything(wire, text, [], name), [name, text]);

	test('are filed by name and text once Postgres has answered', async () => {
		const client = await connect();
		const { wire } = await prepare(client);
		expect(wire && isPrepared(wire, name)).toBe(true);
		expect(wire?.parsedStatements[name]).toBe(text);
		expect(wire && isPrepared(wire, 'other')).toBe(false);
	});

	test('can be forgotten, and are prepared again', async () => {
		const client = await connect();
		const { wire } = await prepare(client);
		await sent(client, (same) => same.query('DISCARD ALL'));
		if (wire !== undefined) forgetPrepared(wire);
		expect(wire && isPrepared(wire, name)).toBe(false);
		const types = await planned(client);
		expect(types).toBe('PBDES');
	});

	test('one that failed leaves no name behind once it is forgotten', async () => {
		const client = await connect();
		const plain = new SentQuery({ name, text: 'SELECT none' }, () => {});
		// As of a query that pg knows by another name: pg forgets the name that a query has when it fails.
		const failed = await sent(client, (wire) => plain.prepare(wire));
		expect(failed.error).toMatchObject({ code: '42703' });
		if (failed.wire !== undefined) forgetSubmitted(failed.wire, name);
		expect((await client.query({ name, text })).rows).toEqual([{ one: 1 }]);
	});

	/** What pg's own query sends of the statement. */
	async function planned(
		client: PoolClient,
		change: (wire: PgConnection) => void = () => {},
	): Promise<string> {
		const plain = new SentQuery({ name, text }, () => {});
		expect(plain).toMatchObject({ name, text });
		let types = '';
		await sent(
			client,
			(wire) => {
				const bytes = collect(wire, (collecting) => {
					change(collecting);
					plain.prepare(collecting);
				});
				types = typesOf(bytes);
				wire.stream.write(bytes);
			},
			[name, text],
		);
		return types;
	}

	test("pg's own query parses them once, and describes them unless it is kept from it", async () => {
		const client = await connect();
		expect(await planned(client)).toBe('PBDES');
		expect(await planned(client)).toBe('BDES');
		const quiet = (wire: PgConnection) => {
			wire.describe = () => {};
		};
		expect(await planned(client, quiet)).toBe('BES');
	});
});

describe('the status of the transaction', () => {
	test('is known before whoever waits goes on', async () => {
		const client = await connect();
		watchTransactionStatus(client);
		expect(isIdle(client)).toBe(true);
		const seen: boolean[] = [];
		for (const text of ['BEGIN', 'SELECT 1', 'ROLLBACK', 'BEGIN', 'COMMIT']) {
			await new Promise<void>((resolve) => {
				client.query(text, () => {
					seen.push(isIdle(client));
					resolve();
				});
			});
		}
		expect(seen).toEqual([false, false, true, false, true]);
		await client.query('BEGIN');
		await client.query('SELECT 1 / 0').catch(() => {});
		await client.query('SELECT 1').catch(() => {});
		expect(isIdle(client)).toBe(false);
		await client.query('ROLLBACK');
		expect(isIdle(client)).toBe(true);
	});

	test('is not known of a connection that nobody follows', async () => {
		expect(isIdle(await connect())).toBe(false);
	});
});

test('a query that takes too long ends by its callback, which pg replaces', async () => {
	const client = await connect({ query_timeout: 50 });
	const query = await sent(client, (wire) => wire.query('SELECT pg_sleep(0.3)'));
	expect(query.calls[0]).toBe('callback');
	expect(query.error?.message).toBe('Query read timeout');
	await new Promise((resolve) => setTimeout(resolve, 400));
});
