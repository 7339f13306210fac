import { setTimeout as sleep } from 'node:timers/promises';
import {
	type ConnectionTestOutcome,
	connectionStatusOf,
	failed,
	inconclusive,
	type Judgement,
	partial,
} from '../destinations/connection-test/outcome.ts';
import type { DestinationType } from '../destinations/registry.ts';
import type { TestedDestination, TestState } from './tested-destination.ts';

/** Tests settings with their provider, without saving anything. */
export type TestConnection = (
	type: DestinationType,
	settings: unknown,
	signal: AbortSignal | undefined,
) => Promise<ConnectionTestOutcome>;

/** How long another process's test is waited for, in milliseconds: as long as a test may take. */
const waitMs = 10_000;
/** How long after looking at another process's test it is looked at again, in milliseconds, at first and at most. */
const [firstPauseMs, longestPauseMs] = [100, 2_000];

/**
 * Tests a saved destination and saves what was found. Of several tests at once one asks the provider, and
 * the others wait for what it finds. No database connection is held while the provider is waited for.
 *
 * Settings are opened before the test is claimed: where they do not decrypt, nothing is written.
 */
export async function testSavedConnection(
	destination: TestedDestination,
	test: TestConnection,
	signal: AbortSignal,
): Promise<ConnectionTestOutcome> {
	const startedAt = performance.now();
	for (;;) {
		signal.throwIfAborted();
		const { type, settings, version } = await destination.read();
		const claim = await destination.claim(version);
		if (claim !== undefined) {
			return testClaimed(destination, claim, () => test(type, settings, signal));
		}
		const judgement = await waitForAnother(destination, version, startedAt + waitMs, signal);
		if (judgement !== undefined) return outcomeOf(judgement, startedAt);
	}
}

async function testClaimed(
	destination: TestedDestination,
	claim: string,
	test: () => Promise<ConnectionTestOutcome>,
): Promise<ConnectionTestOutcome> {
	let outcome: ConnectionTestOutcome;
	try {
		outcome = await test();
	} catch (error) {
		await destination.settle(claim, { status: 'unknown', error: null });
		throw error;
	}
	// New settings end a claim: the database sets the status back to `unknown` when they are written.
	const saved = await destination.settle(claim, {
		status: connectionStatusOf(outcome.verdict),
		error: outcome.ok ? null : outcome.message,
	});
	return saved ? outcome : { ...settingsChanged(), ok: false, durationMs: outcome.durationMs };
}

/** Waits for what somebody else's test finds. Returns nothing where the destination is free to be tested. */
async function waitForAnother(
	destination: TestedDestination,
	version: number,
	deadline: number,
	signal: AbortSignal,
): Promise<Judgement | undefined> {
	for (let looks = 0; ; looks += 1) {
		const state = await destination.look();
		const late = performance.now() >= deadline;
		if (!state.held) {
			return judgementOfAnother(state, version) ?? (late ? settingsChanged() : undefined);
		}
		if (late) {
			return inconclusive(
				anothers,
				'Another test of this destination is still under way. Test it again later.',
			);
		}
		await sleep(pauseMs(looks), undefined, { signal });
	}
}

/** Grows, and differs from process to process, so that many that wait do not look at the same moments. */
function pauseMs(looks: number): number {
	const longest = Math.min(firstPauseMs * 1.6 ** looks, longestPauseMs);
	return longest * (0.5 + Math.random() / 2);
}

/** Nothing was found where the version is gone, or whoever tested it has died or was cancelled. */
function judgementOfAnother(
	{ status, lastError, version }: TestState,
	read: number,
): Judgement | undefined {
	if (version !== read) return undefined;
	switch (status) {
		case 'connected':
			return { ...partial('Another test at the same time found it connected.'), code: anothers };
		case 'failed':
			return failed(anothers, lastError ?? 'Another test at the same time failed.');
		default:
			// What an earlier test found stands there until this one ends.
			if (status === 'testing' || lastError === null) return undefined;
			return inconclusive(anothers, lastError);
	}
}

const anothers = 'tested_by_another';

function settingsChanged(): Judgement {
	return inconclusive(
		'settings_changed',
		'The settings changed while they were tested; test them again.',
	);
}

function outcomeOf(judgement: Judgement, startedAt: number): ConnectionTestOutcome {
	return {
		...judgement,
		ok: judgement.verdict === 'partial',
		durationMs: Math.round(performance.now() - startedAt),
	};
}
