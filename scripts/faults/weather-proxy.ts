import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What a network does to the bytes of a connection. */
export type Weather =
	| { readonly kind: 'calm' }
	/** They arrive so many milliseconds later. */
	| { readonly kind: 'delay'; readonly millis: number }
	| { readonly kind: 'fragments'; readonly bytes: number }
	/** Nothing arrives, and nothing is refused. */
	| { readonly kind: 'black hole' }
	/** So many of a thousand answers end in their middle, with the connection. */
	| { readonly kind: 'cut'; readonly perMille: number };

/** A TCP proxy before Postgres that has weather. */
export class WeatherProxy implements AsyncDisposable {
	readonly #server: Server;
	readonly #target: URL;
	readonly #links = new Set<Link>();
	#weather: Weather = { kind: 'calm' };

	private constructor(server: Server, target: URL) {
		this.#server = server;
		this.#target = target;
		server.on('connection', (client) => this.#link(client));
	}

	static async before(url: string): Promise<WeatherProxy> {
		const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1');
		await once(server, 'listening');
		return new WeatherProxy(server, new URL(url));
	}

	/** The URL of a database by way of the proxy. */
	url(of: string): string {
		const address = this.#server.address();
		if (address === null || typeof address === 'string') throw new Error('the proxy is closed');
		const url = new URL(of);
		url.port = String(address.port);
		return url.href;
	}

	setWeather(weather: Weather): void {
		this.#weather = weather;
		for (const link of this.#links) link.flush();
	}

	get weather(): Weather {
		return this.#weather;
	}

	/** Resets every connection. */
	reset(): void {
		for (const { client } of this.#links) client.resetAndDestroy();
	}

	/** Says on every connection that the server sends no more; it still takes what it is sent. */
	halfClose(): void {
		for (const { client } of this.#links) client.end();
	}

	/**
	 * Waits until the server has done, or will never do, what it got on connections that their clients have left: its
	 * session has ended then.
	 *
	 * @throws if that takes longer.
	 */
	async settled(withinMillis: number): Promise<void> {
		const left = [...this.#links].filter((link) => link.isLeft).map((link) => link.ended);
		const timer = AbortSignal.timeout(withinMillis);
		await Promise.race([
			Promise.all(left),
			once(timer, 'abort').then(() => {
				throw new Error('A session of the server outlives its client.');
			}),
		]);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.#server.close();
		for (const link of this.#links) link.destroy();
		if (this.#server.listening) await once(this.#server, 'close');
	}

	#link(client: Socket): void {
		const server = connect({
			port: Number(this.#target.port),
			host: this.#target.hostname,
			allowHalfOpen: true,
			noDelay: true,
		});
		const link = new Link(client, server, () => this.#weather);
		this.#links.add(link);
		link.ended.then(() => this.#links.delete(link));
	}
}

/** One connection: that of a client, and the one to the server for it. */
class Link {
	readonly client: Socket;
	/** Resolves once the server has closed its end. */
	readonly ended: Promise<unknown>;
	readonly #server: Socket;
	readonly #toServer: Direction;
	readonly #toClient: Direction;
	#clientLeft = false;

	constructor(client: Socket, server: Socket, weather: () => Weather) {
		this.client = client;
		this.#server = server;
		this.#toServer = new Direction(server, weather);
		this.#toClient = new Direction(client, weather, () => this.destroy());
		this.ended = once(server, 'close').catch(() => {});
		for (const socket of [client, server]) socket.on('error', () => {});
		client.on('data', (bytes) => this.#toServer.push(bytes));
		server.on('data', (bytes) => this.#toClient.push(bytes));
		// What a client sent before it left arrives; then the server learns that it left.
		for (const event of ['end', 'close']) {
			client.on(event, () => {
				this.#clientLeft = true;
				this.#toServer.end();
			});
		}
		server.on('end', () => this.#toClient.end());
		server.on('close', () => client.destroy());
	}

	/** Whether the client has gone, and the server may still be doing what it sent. */
	get isLeft(): boolean {
		return this.#clientLeft && !this.#server.destroyed;
	}

	flush(): void {
		this.#toServer.flush();
		this.#toClient.flush();
	}

	destroy(): void {
		this.client.destroy();
		this.#server.destroy();
	}
}

/** The bytes of a connection that go one way. */
class Direction {
	readonly #to: Socket;
	readonly #weather: () => Weather;
	/** Ends both sides at once; there is none where answers are not cut. */
	readonly #cut: (() => void) | undefined;
	#kept: Buffer[] = [];
	#delayed = 0;
	#ending = false;

	constructor(to: Socket, weather: () => Weather, cut?: () => void) {
		this.#to = to;
		this.#weather = weather;
		this.#cut = cut;
	}

	push(bytes: Buffer): void {
		const weather = this.#weather();
		if (weather.kind === 'black hole' || (this.#kept.length > 0 && this.#delayed === 0)) {
			this.#kept.push(bytes);
		} else if (weather.kind === 'delay' || this.#delayed > 0) {
			this.#kept.push(bytes);
			this.#delayed += 1;
			setTimeout(() => this.#afterDelay(), weather.kind === 'delay' ? weather.millis : 0);
		} else this.#write(bytes);
	}

	/** Nothing more comes. */
	end(): void {
		this.#ending = true;
		if (this.#kept.length === 0 && this.#weather().kind !== 'black hole') this.#to.end();
	}

	/** Sends what was kept by weather that is over. */
	flush(): void {
		if (this.#weather().kind === 'black hole' || this.#delayed > 0) return;
		for (const bytes of this.#kept.splice(0)) this.#write(bytes);
		if (this.#ending) this.#to.end();
	}

	#afterDelay(): void {
		this.#delayed -= 1;
		const bytes = this.#kept.shift();
		if (bytes !== undefined) this.#write(bytes);
		if (this.#delayed === 0 && this.#ending) this.#to.end();
	}

	#write(bytes: Buffer): void {
		if (this.#to.destroyed || this.#to.writableEnded) return;
		const weather = this.#weather();
		if (weather.kind === 'fragments') {
			for (let at = 0; at < bytes.length; at += weather.bytes) {
				this.#to.write(bytes.subarray(at, at + weather.bytes));
			}
		} else if (this.#cut && weather.kind === 'cut' && Math.random() * 1000 < weather.perMille) {
			const cut = this.#cut;
			this.#to.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => cut());
		} else this.#to.write(bytes);
	}
}
