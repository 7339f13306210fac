import type { Socket } from 'node:net';
import { Client } from 'pg';

/** What a call took. */
export interface Cost {
	/** How many statements were sent. */
	readonly statements: number;
	/** What came back from the database, in kilobytes. */
	readonly kilobytes: number;
	/** The longest time that nothing else could run in, in milliseconds of the processor. */
	readonly blockedMs: number;
}

/** Where statements are counted while {@link costOf} runs; read by whoever wants to know how far it is. */
export const sent = { statements: 0 };

/** Runs something, and measures what all clients of this process sent and received meanwhile. */
export async function costOf(run: () => Promise<unknown>): Promise<Cost> {
	const sockets = new Map<Socket, number>();
	sent.statements = 0;
	const query = Client.prototype.query as (...args: unknown[]) => unknown;
	const counting = jest.spyOn(Client.prototype, 'query').mockImplementation(function (
		this: Client & { connection?: { stream: Socket } },
		...args: unknown[]
	) {
		sent.statements += 1;
		const stream = this.connection?.stream;
		if (stream !== undefined && !sockets.has(stream)) sockets.set(stream, stream.bytesRead);
		return query.apply(this, args);
	});
	const turns = watchTurns();
	let blockedMs: number;
	try {
		await run();
	} finally {
		counting.mockRestore();
		blockedMs = turns.end();
	}
	const bytes = [...sockets].reduce((sum, [socket, before]) => sum + socket.bytesRead - before, 0);
	return { statements: sent.statements, kilobytes: bytes / 1000, blockedMs };
}

/** In time of the processor, which a busy machine does not make longer. */
function watchTurns(): { end(): number } {
	const now = () => {
		const { user, system } = process.cpuUsage();
		return (user + system) / 1000;
	};
	let [last, longest] = [now(), 0];
	const look = () => {
		const at = now();
		longest = Math.max(longest, at - last);
		last = at;
	};
	const timer = setInterval(look, 1);
	return {
		end: () => {
			look();
			clearInterval(timer);
			return longest;
		},
	};
}
