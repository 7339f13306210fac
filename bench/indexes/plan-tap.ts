import { once } from 'node:events';
import {
	type AddressInfo,
	createServer,
	connect as dial,
	type Server,
	type Socket,
} from 'node:net';

/** A node of a plan, as EXPLAIN (FORMAT JSON) writes it. */
export interface PlanNode {
	readonly 'Node Type': string;
	readonly 'Relation Name'?: string;
	readonly 'Index Name'?: string;
	readonly 'Actual Rows'?: number;
	readonly 'Actual Loops'?: number;
	readonly 'Rows Removed by Filter'?: number;
	readonly 'Rows Removed by Index Recheck'?: number;
	readonly Plans?: readonly PlanNode[];
}

/** A statement as it was run, with the plan that it was run by. */
export interface RunStatement {
	readonly 'Query Text': string;
	readonly Plan: PlanNode;
}

/** What has Postgres tell the client the plan of every statement, those inside triggers and cascades included. */
const explaining = {
	session_preload_libraries: 'auto_explain',
	'auto_explain.log_min_duration': '0',
	'auto_explain.log_nested_statements': 'on',
	'auto_explain.log_analyze': 'on',
	'auto_explain.log_timing': 'off',
	'auto_explain.log_format': 'json',
	'auto_explain.log_level': 'notice',
};

/**
 * Stands between clients and the server, and reads the plans of what they run: of the very statements that the
 * client, the repository, a rotation send, under the role and the claims that they send them with. The login
 * must be a superuser, who may load auto_explain.
 */
export class PlanTap implements AsyncDisposable {
	readonly connectionString: string;
	readonly #server: Server;
	#statements: RunStatement[] = [];

	private constructor(server: Server, connectionString: string) {
		this.#server = server;
		this.connectionString = connectionString;
	}

	/** @param settings of each session besides, such as `plan_cache_mode`. */
	static async open(
		connectionString: string,
		settings: Readonly<Record<string, string>> = {},
	): Promise<PlanTap> {
		const url = new URL(connectionString);
		const [host, port] = [url.hostname, Number(url.port || 5432)];
		const server = createServer().listen(0, '127.0.0.1');
		await once(server, 'listening');
		url.hostname = '127.0.0.1';
		url.port = String((server.address() as AddressInfo).port); // a TCP server's address is one
		const options = Object.entries({ ...explaining, ...settings });
		url.searchParams.set(
			'options',
			options.map(([name, value]) => `-c ${name}=${value}`).join(' '),
		);
		const tap = new PlanTap(server, url.href);
		server.on('connection', (client) => tap.#join(client, dial(port, host)));
		return tap;
	}

	/** What `work` has Postgres run. */
	async during(work: () => Promise<unknown>): Promise<RunStatement[]> {
		this.#statements = [];
		await work();
		return this.#statements;
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#server.close();
		await once(this.#server, 'close');
	}

	#join(client: Socket, server: Socket): void {
		client
			.setNoDelay(true)
			.on('error', () => server.destroy())
			.pipe(server);
		server.setNoDelay(true).on('error', () => client.destroy());
		const read = noticeReader((text) => this.#note(text));
		server.on('data', (data) => {
			read(data);
			client.write(data);
		});
		server.on('end', () => client.end());
	}

	#note(text: string): void {
		const [, plan] = /^duration: [^\n]* plan:\n([\s\S]*)$/.exec(text) ?? [];
		if (plan !== undefined) this.#statements.push(JSON.parse(plan));
	}
}

/**
 * Reads the notices in what a server sends: a letter, a length and a body for each message
 * (https://www.postgresql.org/docs/current/protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-NOTICERESPONSE).
 */
function noticeReader(onNotice: (text: string) => void): (data: Buffer) => void {
	let rest: Buffer = Buffer.alloc(0);
	return (data) => {
		rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
		while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
			const end = 1 + rest.readInt32BE(1);
			if (rest[0] === letter('N')) onNotice(messageOf(rest.subarray(5, end)));
			rest = rest.subarray(end);
		}
	};
}

/** Fields of a letter and a text that a zero ends. */
function messageOf(body: Buffer): string {
	for (let at = 0; body[at] !== 0 && at < body.length; ) {
		const end = body.indexOf(0, at);
		if (body[at] === letter('M')) return body.toString('utf8', at + 1, end);
		at = end + 1;
	}
	return '';
}

const letter = (name: string) => name.charCodeAt(0);
