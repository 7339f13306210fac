import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** ReadyForQuery but for its last byte, the state of the transaction (https://www.postgresql.org/docs/current/protocol-message-formats.html). */
const ready = Buffer.from([0x5a, 0, 0, 0, 5]);

/**
 * A network that a test can cut, turn to another server, and keep answers back in: a real TCP proxy before a real
 * Postgres.
 */
export class Network implements AsyncDisposable {
	readonly #server: Server;
	readonly #links = new Set<Link>();
	#target: URL;
	#cut = false;
	#holding: string | undefined;
	#losing: RegExp | undefined;
	#lost = 0;
	#delay = 0;
	#watch: (() => Watcher) | undefined;

	private constructor(server: Server, target: URL) {
		this.#server = server;
		this.#target = target;
		server.on('connection', (client) => this.#link(client));
	}

	static async before(url: string): Promise<Network> {
		const server = createServer().listen(0, '127.0.0.1');
		await once(server, 'listening');
		return new Network(server, new URL(url));
	}

	/** The URL of a database by way of the proxy. */
	url(of: string): string {
		const address = this.#server.address();
		if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
		const url = new URL(of);
		url.hostname = '127.0.0.1';
		url.port = String(address.port);
		return url.href;
	}

	/** How many connections there are. */
	get links(): number {
		return this.#links.size;
	}

	/** Ends one connection, by chance. */
	killOne(): void {
		const links = [...this.#links];
		links[Math.floor(Math.random() * links.length)]?.end();
	}

	/** Ends every connection. */
	kill(): void {
		for (const link of this.#links) link.end();
	}

	/** Ends every connection and takes no other, until it is mended. */
	cut(): void {
		this.#cut = true;
		this.kill();
	}

	mend(): void {
		this.#cut = false;
	}

	/** Has new connections go to another server. */
	turnTo(url: string): void {
		this.#target = new URL(url);
		this.kill();
	}

	/** Has what clients send take so many milliseconds. */
	slowDown(delay: number): void {
		this.#delay = delay;
	}

	/** From the next message on that has the text, keeps back what the server answers on that connection. */
	holdAnswerTo(text: string): void {
		this.#holding = text;
	}

	/**
	 * Ends each connection on which a client sends something that the pattern finds, once the server has done it and before its
	 * answer arrives; nothing more, where there is no pattern.
	 */
	loseAnswersTo(pattern: RegExp | undefined): void {
		this.#losing = pattern;
		this.#lost = 0;
	}

	/** How many answers were lost by {@link loseAnswersTo}. */
	get lost(): number {
		return this.#lost;
	}

	/** Shows what servers send: to a watcher of its own for each connection that is new. */
	watchAnswers(watch: () => Watcher): void {
		this.#watch = watch;
	}

	/** Whether an answer is being kept back. */
	get holds(): boolean {
		return [...this.#links].some(({ held }) => held);
	}

	/** Lets what was kept back go on. */
	release(): void {
		this.#holding = undefined;
		for (const link of this.#links) link.release();
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#server.close();
		this.cut();
		await once(this.#server, 'close');
	}

	#lose(link: Link, server: Socket): void {
		link.held = true;
		server.on('data', (bytes) => {
			if (!bytes.subarray(-ready.length - 1, -1).equals(ready)) return;
			this.#lost += 1;
			link.end();
		});
	}

	#link(client: Socket): void {
		if (this.#cut) {
			client.destroy();
			return;
		}
		const server = connect(Number(this.#target.port), this.#target.hostname);
		const link = new Link(client, server);
		const watcher = this.#watch?.();
		if (watcher !== undefined) server.on('data', (bytes) => watcher.push(bytes));
		this.#links.add(link);
		client.on('data', (bytes) => {
			if (this.#holding !== undefined && bytes.includes(this.#holding)) {
				this.#holding = undefined;
				link.held = true;
			}
			if (this.#losing?.test(bytes.toString('latin1'))) this.#lose(link, server);
			if (this.#delay === 0) server.write(bytes);
			else setTimeout(() => server.write(bytes), this.#delay);
		});
		for (const socket of [client, server]) {
			socket.on('error', () => {});
			socket.on('close', () => {
				link.end();
				this.#links.delete(link);
			});
		}
	}
}

/** Gets what a server sends on one connection. */
interface Watcher {
	push(bytes: Buffer): void;
}

class Link {
	held = false;
	readonly #client: Socket;
	readonly #server: Socket;
	#kept: Buffer[] = [];

	constructor(client: Socket, server: Socket) {
		this.#client = client;
		this.#server = server;
		server.on('data', (bytes) => {
			if (this.held) this.#kept.push(bytes);
			else client.write(bytes);
		});
	}

	release(): void {
		this.held = false;
		for (const bytes of this.#kept) this.#client.write(bytes);
		this.#kept = [];
	}

	end(): void {
		this.#client.destroy();
		this.#server.destroy();
	}
}
