import { createHook } from 'node:async_hooks';

/** What Node's `net` writes onto the request that it hands to the operating system. */
interface ConnectRequest {
	readonly address?: string;
	readonly port?: number;
}

/**
 * Watches every TCP connection that this process starts during each test, below all HTTP and DNS code, so that
 * a test can say that nothing left for anywhere else.
 *
 * @returns `address:port` of each attempt of the running test so far.
 */
export function watchTcpConnections(): () => string[] {
	let requests: ConnectRequest[] = [];
	const hook = createHook({
		init(_id, type, _trigger, resource) {
			if (type === 'TCPCONNECTWRAP') {
				requests.push(resource);
			}
		},
	});
	beforeEach(() => {
		requests = [];
		hook.enable();
	});
	afterEach(() => {
		hook.disable();
	});
	return () => requests.map(({ address, port }) => `${address}:${port}`);
}
