import { setTimeout as delay } from 'node:timers/promises';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import { ConflictError, RetryError, UnavailableError } from '../../src/errors.ts';
import { askProvider } from '../../src/keys/call-provider.ts';
import { codeOf, countingProvider, newContext } from '../support/encryption.ts';

function withThen(target: object, value: unknown): object {
	return Object.defineProperty(target, 'then', { value });
}

const waits = 'it still waits';

/** What work comes to within some milliseconds of the fake timers. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<unknown> {
	let outcome: unknown = waits;
	work.then(
		(value) => {
			outcome = value;
		},
		(error: unknown) => {
			outcome = error;
		},
	);
	await jest.advanceTimersByTimeAsync(milliseconds);
	return outcome;
}

afterEach(() => {
	jest.useRealTimers();
});

/** Timers that keep the process alive. */
const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('the time that a provider has', () => {
	it.each([0, -1, Number.NaN, '3', null])('is not %p', (timeoutSeconds) => {
		const provider = { ...countingProvider().provider, timeoutSeconds: timeoutSeconds as number };
		expect(() => new SettingsEncryption(provider)).toThrow(
			"The key provider's `timeoutSeconds` must be a number of seconds greater than 0.",
		);
	});

	it('is 3 seconds unless it says otherwise', async () => {
		jest.useFakeTimers();
		const { provider } = countingProvider({ getKey: () => new Promise(() => {}) });
		const encryption = new SettingsEncryption(provider);
		expect(await within(2999, encryption.encrypt({}, newContext()))).toBe(waits);
		expect(await within(3000, encryption.encrypt({}, newContext()))).toMatchObject({
			code: 'KEY_UNAVAILABLE',
			message:
				'The key provider did not answer within 3 s. Settings were neither encrypted nor decrypted; try again when it answers.',
		});
	});

	it.each([0.5, 60, 1e9, Number.POSITIVE_INFINITY])(
		'is enough for an answer within it: %p seconds',
		async (seconds) => {
			await expect(askProvider(() => delay(20, 'answer'), seconds)).resolves.toBe('answer');
		},
	);

	it('leaves no timer behind, which would keep the process alive', async () => {
		const before = timers();
		for (let turn = 0; turn < 20; turn += 1) {
			await askProvider(async () => 'answer', 60);
			await codeOf(askProvider(() => Promise.reject(new Error('down')), 60));
		}
		// The process may have begun and ended some of its own.
		expect(timers() - before).toBeLessThan(20);
	});
});

describe('an answer', () => {
	it.each([undefined, null, '', 'k', 0, new Uint8Array(32), withThen({}, 5)])(
		'may be %p, at once',
		async (answer) => {
			expect(await askProvider<unknown>(() => answer, 1)).toBe(answer);
		},
	);

	it('that is promised is waited for no longer than it may take, whatever promises it', async () => {
		jest.useFakeTimers();
		for (const promise of [{}, () => {}]) {
			const work = askProvider(() => withThen(promise, () => {}), 1);
			expect(await within(1000, work)).toMatchObject({ code: 'KEY_UNAVAILABLE' });
		}
	});
});

describe('a failure', () => {
	it.each([
		['a', 'a'],
		['x'.repeat(64), 'x'.repeat(64)],
		['x'.repeat(65), 'an error'],
		['', 'an error'],
		['1Error', 'an error'],
		['Error1', 'an error'],
	])('of the name %p is said to be of the kind %p', async (name, kind) => {
		const failure = Object.assign(new Error('x'), { name });
		await expect(askProvider(() => Promise.reject(failure), 1)).rejects.toMatchObject({
			code: 'KEY_UNAVAILABLE',
			message: `The key provider failed with ${kind}. Settings were neither encrypted nor decrypted; try again when it answers.`,
		});
	});

	it('of this package is passed on without its cause, unless it is of a database', async () => {
		const cause = new Error('secret');
		const conflict = new ConflictError('the keys were deleted', { cause });
		await expect(askProvider(() => Promise.reject(conflict), 1)).rejects.toBe(conflict);
		expect(conflict).not.toHaveProperty('cause');
		for (const failure of [new RetryError('again'), new UnavailableError('away')]) {
			await expect(askProvider(() => Promise.reject(failure), 1)).rejects.toMatchObject({
				code: 'KEY_UNAVAILABLE',
			});
		}
	});
});
