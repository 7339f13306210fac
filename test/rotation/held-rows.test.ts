import timers from 'node:timers/promises';
import { Client } from 'pg';
import { rotateKeys, type SealedSettingsProgress } from '../../src/index.ts';
import { SealedService } from './sealed-service.ts';

// Rows that a user holds while they are rotated. The pauses take no time here.

let sealed: SealedService;
let user: Client;

beforeAll(async () => {
	sealed = await SealedService.open();
	user = new Client({ connectionString: sealed.connectionString });
	await user.connect();
});
afterEach(async () => {
	jest.restoreAllMocks();
	await user.query('ROLLBACK');
	await sealed.clear();
});
afterAll(async () => {
	await user.end();
	await sealed.close();
});

/** Lets pauses end at once. @param during what happens in each of them. */
function pauses(during: (pause: number) => unknown = () => {}): number[] {
	const seen: number[] = [];
	jest.spyOn(timers, 'setTimeout').mockImplementation(async (milliseconds = 0) => {
		seen.push(milliseconds);
		await during(milliseconds);
		return undefined as never;
	});
	return seen;
}

async function hold(where: string, values: unknown[] = []): Promise<void> {
	await user.query('BEGIN');
	await user.query(`SELECT FROM destinations WHERE ${where} FOR UPDATE`, values);
}

function toNew() {
	return { connectionString: sealed.connectionString, keys: sealed.ring };
}

test('are not waited for, but tried again with growing pauses, and left to the next run', async () => {
	const { live } = await sealed.fill();
	await hold('id = $1', [live]);
	const seen = pauses();

	expect(await rotateKeys(toNew())).toMatchObject({ rotated: 3, busy: 1, failed: 0 });

	expect(seen).toEqual([0, 200, 400, 800, 1600]);
	expect(await sealed.keyIds()).toEqual(['new', 'new', 'new', 'old']);
	await user.query('ROLLBACK');
	expect(await rotateKeys(toNew())).toMatchObject({ rotated: 1, busy: 0 });
});

test.each([0, 200, 400, 800, 1600])(
	'that are free after a pause of %i ms are taken',
	async (last) => {
		const { live } = await sealed.fill();
		await hold('id = $1', [live]);
		const seen = pauses((pause) => (pause === last ? user.query('COMMIT') : undefined));
		expect(await rotateKeys(toNew())).toMatchObject({ rotated: 4, busy: 0 });
		expect(seen.at(-1)).toBe(last);
	},
);

test('that nobody holds are not waited for', async () => {
	await sealed.fill();
	const seen = pauses();
	expect(await rotateKeys(toNew())).toMatchObject({ rotated: 4, busy: 0 });
	expect(seen).toEqual([]);
});

test('are tried again page by page, and count as done where they are', async () => {
	await sealed.fill();
	await hold('true');
	const progress: SealedSettingsProgress[] = [];
	pauses(() => user.query('COMMIT'));

	const result = await rotateKeys({
		...toNew(),
		batchSize: 1,
		onProgress: (made) => progress.push(made),
	});

	expect(result).toMatchObject({ rotated: 4, busy: 0 });
	// Three destinations that are held, then taken; and settings that one of them had before.
	expect(progress.map(({ done }) => done)).toEqual([0, 0, 0, 0, 1, 2, 3, 4]);
});

test('that are still held count as busy, not as done', async () => {
	const { live } = await sealed.fill();
	await hold('true');
	const progress: SealedSettingsProgress[] = [];
	pauses(async (pause) => {
		if (pause > 0) return;
		await user.query('COMMIT');
		await hold('id = $1', [live]);
	});

	const onProgress = (made: SealedSettingsProgress) => progress.push(made);
	expect(await rotateKeys({ ...toNew(), onProgress })).toMatchObject({ rotated: 3, busy: 1 });

	// The page, five tries, and settings that one of them had before.
	expect(progress.map(({ done }) => done)).toEqual([0, 0, 2, 2, 2, 2, 2, 3]);
	expect(progress.at(-1)).toEqual({ done: 3, total: 4, failed: 0 });
});

test('are remembered for forty pages; those beyond count as busy at once', async () => {
	for (let count = 0; count < 14; count += 1) await sealed.fill();
	await hold('true');
	const progress: SealedSettingsProgress[] = [];
	const seen = pauses(() => user.query('COMMIT'));

	const result = await rotateKeys({
		...toNew(),
		batchSize: 1,
		onProgress: (made) => progress.push(made),
	});

	expect(seen).toEqual([0]);
	expect(result).toMatchObject({ rotated: 54, busy: 2 });
	expect(progress.at(-1)).toEqual({ done: 56, total: 56, failed: 0 });
});

test('are left when the run is to stop in a pause', async () => {
	const { live } = await sealed.fill();
	await hold('id = $1', [live]);
	const stop = new AbortController();
	pauses(async (pause) => {
		if (pause === 0) return;
		stop.abort();
		await user.query('COMMIT');
	});

	const result = await rotateKeys({ ...toNew(), signal: stop.signal });

	expect(result).toMatchObject({ rotated: 2, stopped: true });
	// Neither it nor the settings that a destination had before.
	expect(await sealed.keyIds()).toEqual(['new', 'new', 'old', 'old']);
});
