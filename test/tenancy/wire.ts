import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What a client sent to the server since the last look. */
export interface Sent {
	/** Packets of bytes, each of one flush. */
	readonly writes: number;
	/** Messages after which a client waits for the server: Sync, and Query of the simple protocol. */
	readonly roundTrips: number;
	/** The SQL of the simple protocol. */
	readonly simpleQueries: readonly string[];
	/** Types of all messages, in order (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
	readonly types: string;
}

/** A TCP proxy before the database: it counts what goes through and can cut the wire. */
export class Wire {
	readonly #server: Server;
	readonly #sockets = new Set<Socket>();
	#writes = 0;
	#types = '';
	#simpleQueries: string[] = [];
	#answersToLive = Number.POSITIVE_INFINITY;

	private constructor(target: URL) {
		this.#server = createServer({ noDelay: true }, (client) => this.#join(client, target));
	}

	static async before(databaseUrl: string): Promise<Wire> {
		const wire = new Wire(new URL(databaseUrl));
		wire.#server.listen(0, '127.0.0.1');
		await once(wire.#server, 'listening');
		return wire;
	}

	/** The same login and database, by way of the proxy. */
	through(databaseUrl: string): string {
		const address = this.#server.address();
		if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
		const url = new URL(databaseUrl);
		url.hostname = '127.0.0.1';
		url.port = String(address.port);
		return url.href;
	}

	take(): Sent {
		const sent = {
			writes: this.#writes,
			roundTrips: [...this.#types].filter((type) => type === 'S' || type === 'Q').length,
			simpleQueries: this.#simpleQueries,
			types: this.#types,
		};
		this.#writes = 0;
		this.#types = '';
		this.#simpleQueries = [];
		return sent;
	}

	/** Cuts every connection, without a word of the server's. */
	cut(how: 'close' | 'reset' = 'close'): void {
		for (const socket of this.#sockets) {
			if (how === 'reset') socket.resetAndDestroy();
			else socket.destroy();
		}
	}

	/** Lets nothing through, either way, on the connections there are, until the function it returns is called. */
	hold(): () => void {
		const held = [...this.#sockets];
		for (const socket of held) socket.pause();
		return () => {
			for (const socket of held) socket.resume();
		};
	}

	/**
	 * Lets the server end the connection together with one of its next answers: in the same packet, before
	 * anything can happen between the two.
	 */
	endWithAnswer(which: number): void {
		this.#answersToLive = which;
	}

	async close(): Promise<void> {
		this.cut();
		this.#server.close();
		await once(this.#server, 'close');
	}

	#join(client: Socket, target: URL): void {
		const server = connect({ host: target.hostname, port: Number(target.port), noDelay: true });
		const read = this.#reader();
		client.on('data', (bytes) => {
			this.#writes += 1;
			read(bytes);
			server.write(bytes);
		});
		server.on('data', (bytes) => {
			if (isAnswer(bytes)) this.#answersToLive -= 1;
			if (this.#answersToLive > 0) {
				client.write(bytes);
				return;
			}
			this.#answersToLive = Number.POSITIVE_INFINITY;
			client.end(Buffer.concat([bytes, endedByAdministrator]));
		});
		for (const [socket, other] of [
			[client, server],
			[server, client],
		] as const) {
			this.#sockets.add(socket);
			socket.on('error', () => {});
			socket.on('close', () => {
				this.#sockets.delete(socket);
				other.destroy();
			});
		}
	}

	/** Splits the bytes of one connection into messages. The first, of the startup, has no type. */
	#reader(): (bytes: Buffer) => void {
		let pending: Buffer = Buffer.alloc(0);
		let started = false;
		return (bytes) => {
			pending = Buffer.concat([pending, bytes]);
			for (;;) {
				const offset = started ? 1 : 0;
				if (pending.length < offset + 4) return;
				const end = offset + pending.readInt32BE(offset);
				if (pending.length < end) return;
				if (started) {
					const type = String.fromCharCode(pending.readUInt8(0));
					this.#types += type;
					if (type === 'Q') this.#simpleQueries.push(pending.toString('utf8', 5, end - 1));
				}
				started = true;
				pending = pending.subarray(end);
			}
		};
	}
}

/** Whether a packet ends with ReadyForQuery. */
function isAnswer(bytes: Buffer): boolean {
	return bytes.subarray(-6, -1).equals(Buffer.from([0x5a, 0, 0, 0, 5]));
}

/** The ErrorResponse of a backend that is terminated. */
const endedByAdministrator = (() => {
	const fields = Buffer.from('SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0');
	const header = Buffer.from([0x45, 0, 0, 0, 0]);
	header.writeInt32BE(fields.length + 4, 1);
	return Buffer.concat([header, fields]);
})();
