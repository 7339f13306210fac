/** Ratios that only a real loss crosses: about twice the figures of docs/benchmarks.md, and never times. */
import { measureWork, type Work } from '../../bench/peers/measure-peers.ts';
import { type Contender, type OwnAndBare, openOwnAndBare } from '../../bench/peers/open-peers.ts';
import { thisPackageByPrisma } from '../../bench/peers/this-package.ts';
import { createDestinationsClient } from '../../src/index.ts';
import { cloneTemplate, type TestDatabase } from '../../src/testing/test-database.ts';
import { testServer } from '../support/database.ts';

let databases: TestDatabase[] = [];
let opened: OwnAndBare;
let byPrisma: Contender;

beforeAll(async () => {
	const [sealed, plain] = [await cloneTemplate(testServer()), await cloneTemplate(testServer())];
	databases = [sealed, plain];
	opened = await openOwnAndBare(sealed, plain, 1000, createDestinationsClient);
	const peer = thisPackageByPrisma(createDestinationsClient, sealed.logins, opened.keys);
	byPrisma = { peer, places: [] };
});

afterAll(async () => {
	await byPrisma.peer.close();
	await opened.ours.peer.close();
	await opened.bare.peer.close();
	for (const database of databases) await database.stop();
});

type Bound = { work: Work; atMost: number; rounds: number; repeats: number };

async function expectRatio(contender: Contender, { work, atMost, ...options }: Bound) {
	const ratio = async () => {
		const [, measured] = await measureWork(work, [opened.bare, contender], opened.rows, options);
		return measured?.ratio ?? Number.NaN;
	};
	const first = await ratio();
	// Once more, because other tests run beside it.
	expect(first <= atMost ? first : await ratio()).toBeLessThanOrEqual(atMost);
}

test.each<Bound>([
	{ work: 'read one by id', atMost: 1.1, rounds: 21, repeats: 10 },
	{ work: "read one organization's destinations", atMost: 1.3, rounds: 21, repeats: 10 },
	{ work: 'read 1000 rows', atMost: 2.5, rounds: 9, repeats: 1 },
	{ work: 'create', atMost: 2.2, rounds: 15, repeats: 6 },
	{ work: 'update the name', atMost: 2, rounds: 15, repeats: 6 },
	{ work: 'update name and settings', atMost: 2.6, rounds: 15, repeats: 6 },
])('$work takes at most $atMost times what bare Prisma takes', (bound) =>
	expectRatio(opened.ours, bound),
);

test.each<Bound>([
	{ work: 'read one by id', atMost: 2.2, rounds: 21, repeats: 10 },
	{ work: 'read 1000 rows', atMost: 2.8, rounds: 9, repeats: 1 },
])('$work by way of Prisma takes at most $atMost times what bare Prisma takes', (bound) =>
	expectRatio(byPrisma, bound),
);
