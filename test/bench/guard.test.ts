/** Ratios that only a real loss crosses: about twice the figures of docs/benchmarks.md, and never times. */
import { measureWork, type Work } from '../../bench/peers/measure-peers.ts';
import { type OwnAndBare, openOwnAndBare } from '../../bench/peers/open-peers.ts';
import { createDestinationsClient } from '../../src/index.ts';
import { cloneTemplate, type TestDatabase } from '../../src/testing/test-database.ts';
import { testServer } from '../support/database.ts';

let databases: TestDatabase[] = [];
let opened: OwnAndBare;

beforeAll(async () => {
	const [sealed, plain] = [await cloneTemplate(testServer()), await cloneTemplate(testServer())];
	databases = [sealed, plain];
	opened = await openOwnAndBare(sealed, plain, 1000, createDestinationsClient);
});

afterAll(async () => {
	await opened.ours.peer.close();
	await opened.bare.peer.close();
	for (const database of databases) await database.stop();
});

test.each<{ work: Work; atMost: number; rounds: number; repeats: number }>([
	{ work: 'read one by id', atMost: 2.2, rounds: 21, repeats: 10 },
	{ work: "read one organization's destinations", atMost: 2.2, rounds: 21, repeats: 10 },
	{ work: 'read 1000 rows', atMost: 2.8, rounds: 9, repeats: 1 },
	{ work: 'create', atMost: 2.8, rounds: 15, repeats: 6 },
])(
	'$work takes at most $atMost times what bare Prisma takes',
	async ({ work, atMost, ...options }) => {
		const ratio = async () => {
			const [, ours] = await measureWork(work, [opened.bare, opened.ours], opened.rows, options);
			return ours?.ratio ?? Number.NaN;
		};
		const first = await ratio();
		// Once more, because other tests run beside it.
		expect(first <= atMost ? first : await ratio()).toBeLessThanOrEqual(atMost);
	},
);
