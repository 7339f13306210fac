import { connect, createServer, type Socket } from 'node:net';

/** A TCP proxy on this machine that holds what passes back, as a network of some length would. */
export async function startSlowNetwork(
	target: { readonly host: string; readonly port: number },
	oneWayMs: number,
): Promise<{ port: number; stop(): Promise<void> }> {
	const sockets = new Set<Socket>();
	const server = createServer((near) => {
		const far = connect(target.port, target.host);
		for (const socket of [near, far]) {
			socket.setNoDelay(true);
			sockets.add(socket);
			socket.on('error', () => socket.destroy());
			socket.on('close', () => sockets.delete(socket));
		}
		passOn(near, far, oneWayMs);
		passOn(far, near, oneWayMs);
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	const address = server.address();
	if (address === null || typeof address === 'string') throw new Error('The proxy has no port');
	return {
		port: address.port,
		async stop() {
			for (const socket of sockets) socket.destroy();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

function passOn(from: Socket, to: Socket, delayMs: number): void {
	from.on('data', (chunk) => setTimeout(() => to.write(chunk), delayMs));
	from.on('end', () => setTimeout(() => to.end(), delayMs));
}
