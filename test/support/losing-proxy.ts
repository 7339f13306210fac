import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** ReadyForQuery but for its last byte, the state of the transaction (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
const ready = Buffer.from([0x5a, 0, 0, 0, 5]);

/** Stands between a client and Postgres, and cuts the connection once Postgres has done something, before its answer. */
export class LosingProxy implements AsyncDisposable {
	readonly url: string;
	/** Which bytes of the client's must be in what it sends. */
	loses: RegExp | undefined;
	/** How many answers were lost. */
	lost = 0;
	readonly #server: Server;
	readonly #sockets = new Set<Socket>();

	private constructor(server: Server, target: URL) {
		this.#server = server;
		const { port } = server.address() as AddressInfo;
		this.url = Object.assign(new URL(target), { host: `127.0.0.1:${port}` }).href;
		server.on('connection', (client) => this.#serve(client, target));
	}

	static async before(address: string): Promise<LosingProxy> {
		const server = createServer().listen(0, '127.0.0.1');
		await once(server, 'listening');
		return new LosingProxy(server, new URL(address));
	}

	async [Symbol.asyncDispose](): Promise<void> {
		for (const socket of this.#sockets) socket.destroy();
		this.#server.close();
		await once(this.#server, 'close');
	}

	#serve(client: Socket, { hostname, port }: URL): void {
		const server = connect(Number(port), hostname);
		let losing = false;
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
		client.on('data', (bytes) => {
			if (this.loses?.test(bytes.toString('latin1'))) losing = true;
			server.write(bytes);
		});
		server.on('data', (bytes) => {
			if (!losing) client.write(bytes);
			else if (bytes.subarray(-ready.length - 1, -1).equals(ready)) {
				this.lost += 1;
				client.destroy();
			}
		});
	}
}
