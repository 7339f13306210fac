import { Service } from './service.ts';

let service: Service;

beforeAll(async () => {
	service = await Service.create();
});

afterAll(() => service?.remove());

/** Loads an entry point and prints what that changed; what its dependencies do by themselves is theirs. */
const observe = (load: string) => `
	const { createRequire } = require('node:module');
	const ofPackage = createRequire(require.resolve('@consent-io/destinations'));
	const read = [];
	// The first frame is this function, the second the trap; whoever read stands in the third.
	const note = (name) => {
		const [, , , reader] = new Error().stack.split('\\n');
		if (/consent-io.destinations.dist/.test(reader)) read.push(name);
	};
	process.env = new Proxy({ ...process.env }, {
		get: (target, name) => { note(String(name)); return target[name]; },
		has: (target, name) => { note(String(name)); return name in target; },
		ownKeys: (target) => { note('all'); return Reflect.ownKeys(target); },
	});
	const state = () => ({
		globals: Object.getOwnPropertyNames(globalThis).sort(),
		listeners: process.eventNames().map(String).sort(),
		resources: process.getActiveResourcesInfo().filter((name) => !/Pipe|TTY|FSReq|CloseReq/.test(name)).sort(),
		prototypes: [Object, Array, Promise, Error, Buffer, BigInt, Date]
			.map(({ prototype }) => Reflect.ownKeys(prototype).map(String)),
		stack: [Error.stackTraceLimit, String(Error.prepareStackTrace)],
		title: process.title,
	});
	(async () => {
		// Node gives these to a program from standard input alone.
		delete globalThis.__dirname;
		delete globalThis.__filename;
		for (const name of ['@prisma/client/runtime/client', '@prisma/driver-adapter-utils', 'ipaddr.js', 'pg', 'zod']) {
			await import(ofPackage.resolve(name));
			ofPackage(name);
		}
		const before = state();
		${load};
		await new Promise(setImmediate);
		console.log(JSON.stringify({ before, after: state(), read }));
	})();`;

test.each([
	['.', "await import('@consent-io/destinations')"],
	['.', "require('@consent-io/destinations')"],
	['./contracts', "await import('@consent-io/destinations/contracts')"],
	['./contracts', "require('@consent-io/destinations/contracts')"],
	['./testing', "await import('@consent-io/destinations/testing')"],
	['./testing', "require('@consent-io/destinations/testing')"],
])('%s does nothing when it is loaded by %s', async (_, load) => {
	const { status, stdout, stderr } = await service.run('node --input-type=commonjs', {
		input: observe(load),
	});
	expect(stderr).toBe('');
	const { before, after, read } = JSON.parse(stdout);
	expect(after).toEqual(before);
	expect(read).toEqual([]);
	// Nothing kept the process from ending.
	expect(status).toBe(0);
});

test('package.json says so to bundlers', async () => {
	const printed = await service.run('node --print', {
		input: "require('@consent-io/destinations/package.json').sideEffects",
	});
	expect(printed.stdout.trim()).toBe('false');
});
