import { setTimeout as sleep } from 'node:timers/promises';
import {
	type ConnectionTestOutcome,
	connectionStatusOf,
	type Finding,
	failed,
	inconclusive,
	partial,
} from '../destinations/connection-test/outcome.ts';
import type { DestinationType } from '../destinations/registry.ts';
import type { ConnectionStatus } from '../destinations/vocabulary.ts';
import { NotFoundError } from '../errors.ts';
import type { ScopedPrismaClient } from '../prisma.ts';
import { noSuchDestination } from './translate-errors.ts';

/** Tests settings with their provider, without saving anything. */
export type TestConnection = (
	type: DestinationType,
	settings: unknown,
	signal: AbortSignal | undefined,
) => Promise<ConnectionTestOutcome>;

/**
 * How long a test that was begun keeps others from testing the same destination, in milliseconds. A test
 * takes 10 s at most, so a claim that old was left by a process that died.
 */
const leaseMs = 60_000;
/** How often somebody else's test is looked after, in milliseconds. */
const pollMs = 250;

/**
 * Tests a saved destination and saves what was found. Of several tests at once one asks the provider, and
 * the others wait for what it finds. No database connection is held while the provider is waited for.
 */
export async function testSavedConnection(
	prisma: ScopedPrismaClient,
	id: string,
	test: TestConnection,
	signal: AbortSignal | undefined,
): Promise<ConnectionTestOutcome> {
	const startedAt = performance.now();
	for (;;) {
		signal?.throwIfAborted();
		const claimedAt = new Date();
		const claimed = await claim(prisma, id, claimedAt);
		if (claimed !== undefined) {
			return testClaimed(prisma, id, claimedAt, () => test(claimed.type, claimed.settings, signal));
		}
		const finding = await waitForAnother(prisma, id, signal);
		if (finding !== 'abandoned') return outcomeOf(finding, startedAt);
	}
}

/** Marks the destination as being tested, unless somebody is testing it. */
async function claim(prisma: ScopedPrismaClient, id: string, claimedAt: Date) {
	const leaseEnd = new Date(claimedAt.getTime() - leaseMs);
	const [claimed] = await prisma.destination.updateManyAndReturn({
		where: {
			id,
			OR: [{ connectionStatus: { not: 'testing' } }, { lastTestedAt: { lt: leaseEnd } }],
		},
		data: { connectionStatus: 'testing', lastTestedAt: claimedAt },
	});
	return claimed;
}

async function testClaimed(
	prisma: ScopedPrismaClient,
	id: string,
	claimedAt: Date,
	test: () => Promise<ConnectionTestOutcome>,
): Promise<ConnectionTestOutcome> {
	let outcome: ConnectionTestOutcome;
	try {
		outcome = await test();
	} catch (error) {
		await settle(prisma, id, claimedAt, { connectionStatus: 'unknown', lastError: null });
		throw error;
	}
	const saved = await settle(prisma, id, claimedAt, {
		connectionStatus: connectionStatusOf(outcome.verdict),
		lastError: outcome.ok ? null : outcome.message,
	});
	if (saved) return outcome;
	const changed = inconclusive(
		'settings_changed',
		'The settings changed while they were tested; test them again.',
	);
	return { ...changed, ok: false, durationMs: outcome.durationMs };
}

/**
 * Saves an outcome if the claim still stands. New settings end it: the database sets the status back to
 * `unknown` when they are written.
 */
async function settle(
	prisma: ScopedPrismaClient,
	id: string,
	claimedAt: Date,
	result: { connectionStatus: string; lastError: string | null },
): Promise<boolean> {
	const { count } = await prisma.destination.updateMany({
		where: { id, connectionStatus: 'testing', lastTestedAt: claimedAt },
		data: { ...result, lastTestedAt: new Date() },
	});
	return count === 1;
}

/** Waits for what somebody else's test finds, unless whoever began it is gone. */
async function waitForAnother(
	prisma: ScopedPrismaClient,
	id: string,
	signal: AbortSignal | undefined,
): Promise<Finding | 'abandoned'> {
	for (;;) {
		const row = await prisma.destination.findFirst({
			where: { id },
			select: { connectionStatus: true, lastError: true, lastTestedAt: true },
		});
		if (row === null) throw new NotFoundError(noSuchDestination(id));
		if (row.connectionStatus !== 'testing') {
			return findingOfAnother(row.connectionStatus, row.lastError);
		}
		if ((row.lastTestedAt?.getTime() ?? 0) < Date.now() - leaseMs) return 'abandoned';
		await sleep(pollMs, undefined, { signal });
	}
}

function findingOfAnother(
	status: Exclude<ConnectionStatus, 'testing'>,
	lastError: string | null,
): Finding {
	switch (status) {
		case 'connected':
			return { ...partial('Another test at the same time found it connected.'), code: anothers };
		case 'failed':
			return failed(anothers, lastError ?? 'Another test at the same time failed.');
		case 'unknown':
			return inconclusive(
				anothers,
				lastError ?? 'Another test at the same time found out nothing.',
			);
	}
}

const anothers = 'tested_by_another';

function outcomeOf(finding: Finding, startedAt: number): ConnectionTestOutcome {
	return {
		...finding,
		ok: finding.verdict === 'partial' || finding.verdict === 'verified',
		durationMs: Math.round(performance.now() - startedAt),
	};
}
