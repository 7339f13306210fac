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
import type { Statements } from './statements.ts';
import type { DestinationTable, TestResult } from './table.ts';
import { noSuchDestination, translateErrors } from './translate-errors.ts';
import type { RepositoryTools } from './versions.ts';

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
	{ table, statements }: Pick<RepositoryTools, 'table' | 'statements'>,
	id: string,
	test: TestConnection,
	signal: AbortSignal | undefined,
): Promise<ConnectionTestOutcome> {
	const startedAt = performance.now();
	for (;;) {
		signal?.throwIfAborted();
		const claimedAt = new Date();
		const staleBefore = new Date(claimedAt.getTime() - leaseMs);
		const claimed = await translateErrors(table.claimTest(id, claimedAt, staleBefore));
		if (claimed !== undefined) {
			return testClaimed(table, id, claimedAt, () => test(claimed.type, claimed.settings, signal));
		}
		const finding = await waitForAnother(statements, id, signal);
		if (finding !== 'abandoned') return outcomeOf(finding, startedAt);
	}
}

async function testClaimed(
	table: DestinationTable,
	id: string,
	claimedAt: Date,
	test: () => Promise<ConnectionTestOutcome>,
): Promise<ConnectionTestOutcome> {
	// New settings end a claim: the database sets the status back to `unknown` when they are written.
	const settle = (result: TestResult) => translateErrors(table.settleTest(id, claimedAt, result));
	let outcome: ConnectionTestOutcome;
	try {
		outcome = await test();
	} catch (error) {
		await settle({ status: 'unknown', error: null });
		throw error;
	}
	const saved = await settle({
		status: connectionStatusOf(outcome.verdict),
		error: outcome.ok ? null : outcome.message,
	});
	if (saved) return outcome;
	const changed = inconclusive(
		'settings_changed',
		'The settings changed while they were tested; test them again.',
	);
	return { ...changed, ok: false, durationMs: outcome.durationMs };
}

/** Waits for what somebody else's test finds, unless whoever began it is gone. */
async function waitForAnother(
	statements: Statements,
	id: string,
	signal: AbortSignal | undefined,
): Promise<Finding | 'abandoned'> {
	for (;;) {
		const [row] = await statements.run(
			`SELECT connection_status, last_error, last_tested_at FROM public.destinations
			 WHERE id = $1 AND deleted_at IS NULL`,
			[id],
		);
		if (row === undefined) throw new NotFoundError(noSuchDestination(id));
		const [status, lastError = null, lastTestedAt] = row;
		if (status !== 'testing') {
			// The CHECK of the column allows no other.
			return findingOfAnother(status as Exclude<ConnectionStatus, 'testing'>, lastError);
		}
		if (new Date(lastTestedAt ?? 0).getTime() < Date.now() - leaseMs) return 'abandoned';
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
