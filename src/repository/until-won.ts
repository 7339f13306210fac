import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError } from '../errors.ts';

/** How long a change is tried again while others change the same row, in milliseconds. */
const patienceMs = 10_000;
/** The longest pause before the next try, in milliseconds: at first, and at last. */
const firstPauseMs = 5;
const lastPauseMs = 500;

/** Reads and writes again for as long as others change what was read meanwhile. */
export async function untilWon<T>(
	attempt: () => Promise<T>,
	isLost: (error: unknown) => boolean = (error) => error instanceof ConflictError,
): Promise<T> {
	const patientUntil = performance.now() + patienceMs;
	for (let longest = firstPauseMs; ; longest = Math.min(2 * longest, lastPauseMs)) {
		try {
			return await attempt();
		} catch (error) {
			if (!isLost(error) || performance.now() > patientUntil) throw error;
		}
		// At random, so that those who lost together do not meet again.
		await sleep(Math.random() * longest);
	}
}
