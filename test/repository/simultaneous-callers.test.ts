import { setImmediate as nextTurn } from 'node:timers/promises';
import { createDestinationsClient, type DestinationsClient } from '../../src/index.ts';
import { type Service, startService } from '../support/service.ts';
import {
	type Crowd,
	callersOf,
	clientCalls,
	openCrowd,
	publicCalls,
	reads,
	writes,
} from './bounded-calls.ts';
import { costOf, sent } from './cost.ts';

// Many callers at once cost no more than each by itself, and leave the process and the pool to others.

/** What a service does most is done by more. */
const busy = ['destinations.findById', 'destinations.update', 'destinations.history'];
const callersOfEach = (name: string) => (busy.includes(name) ? 1_000 : 300);
let service: Service;
let crowd: Crowd;
let db: DestinationsClient;
const opened: DestinationsClient[] = [];

beforeAll(async () => {
	service = await startService({ pool: { max: 4 } });
	crowd = await openCrowd(service);
	db = service.db;
	await db.connect();
}, 60_000);

afterAll(async () => {
	await Promise.all(opened.map((client) => client.close()));
	await service.stop();
});

function openClient(): DestinationsClient {
	const { connectionString, keys } = service;
	const client = createDestinationsClient({ connectionString, keys, pool: { max: 4 } });
	opened.push(client);
	return client;
}

/** One of each public call, and the log by way of Prisma. */
const calls = Object.entries({ ...reads, ...writes, ...clientCalls }).filter(
	([name, { alone }]) => alone === undefined && !/, (?!each)| of /.test(name),
);

/** Starts callers as requests come in: each by itself, and not one after the other has been answered. */
async function allAtOnce(
	callers: number,
	run: () => Promise<unknown>,
): Promise<PromiseSettledResult<unknown>[]> {
	const started: Promise<unknown>[] = [];
	for (let caller = 0; caller < callers; caller += 1) {
		started.push(run());
		if (caller % 10 === 9) await nextTurn();
	}
	return Promise.allSettled(started);
}

test('every public call is among them', () => {
	const swept = { ...reads, ...writes, ...clientCalls };
	expect(publicCalls(db.asService()).filter((name) => swept[name] === undefined)).toEqual([]);
	const alone = publicCalls(db.asService()).filter((name) => swept[name]?.alone !== undefined);
	expect(alone).toEqual(['scope.transaction']);
});

test.each(calls)(
	'%s',
	async (name, { run, statements = 6, kilobytes = 32, refused = [], shared }) => {
		// What is done to a client itself is done to one that nobody else uses.
		const client = name.startsWith('client.') ? openClient() : db;
		const callers = callersOfEach(name);
		const on = callersOf(client, crowd);
		const others = db.forOrganization(crowd.other.organizationId);
		let waited = 0;
		let results: PromiseSettledResult<unknown>[] = [];
		const cost = await costOf(async () => {
			const all = allAtOnce(callers, () => run(on));
			for (let read = 0; read < 3; read += 1) {
				await nextTurn();
				const before = sent.statements;
				await others.destinations.findById(crowd.other.id);
				waited = Math.max(waited, sent.statements - before);
			}
			results = await all;
		});
		const codes = results.flatMap((result) =>
			result.status === 'rejected' ? [codeOf(result)] : [],
		);
		expect(codes.filter((code) => !refused.includes(code))).toEqual([]);
		expect(codes.length).toBeLessThan(callers);
		// What is shared is done a few times at most: who comes late must not be answered by what was known before.
		const answered = shared === true ? 10 : callers;
		// On a busy machine a test of a connection looks some times more whether the one before it ended.
		expect(cost.statements).toBeLessThanOrEqual(answered * statements + 40);
		expect(cost.kilobytes).toBeLessThanOrEqual(callers * kilobytes);
		// Whoever waits for a connection is served in turn, behind those who were there before.
		expect(waited).toBeLessThanOrEqual(callers * Math.max(statements, 1) + 20);
		expect(cost.blockedMs).toBeLessThan(300);
	},
);

function codeOf({ reason }: PromiseRejectedResult): string {
	return String((reason as { code?: unknown }).code ?? reason);
}
