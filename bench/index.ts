/** Runs the benchmarks, or those named on the command line; see docs/benchmarks.md. */
import { tmpdir } from 'node:os';
import { DestinationsError } from '../src/index.ts';
import { benchAdopt } from './adopt.ts';
import { benchAudit } from './audit.ts';
import { benchDestinations } from './destinations.ts';
import { writeDocuments } from './documents.ts';
import { benchEndToEnd } from './end-to-end.ts';
import { benchImport } from './import.ts';
import { benchIndexes } from './indexes.ts';
import { benchLoading } from './loading.ts';
import { benchLog } from './log.ts';
import { quick } from './measure.ts';
import { benchPeers } from './peers.ts';
import { Refusal } from './refusal.ts';
import { print, type Report, reached, titleOf } from './report.ts';
import { newRun, saveSection, wholeRun } from './results.ts';
import { benchRotate } from './rotate.ts';
import { benchScale } from './scale.ts';
import { benchSettings } from './settings.ts';
import { benchShards } from './shards.ts';
import { benchTenancy } from './tenancy.ts';
import { benchTesting } from './testing.ts';
import { benchTransaction } from './transaction.ts';

const benchmarks = new Map<string, () => Promise<Report>>([
	['peers', benchPeers],
	['end-to-end', benchEndToEnd],
	['audit', benchAudit],
	['destinations', benchDestinations],
	['import', benchImport],
	['indexes', benchIndexes],
	['loading', benchLoading],
	['rotate', benchRotate],
	['scale', benchScale],
	['settings', benchSettings],
	['shards', benchShards],
	['tenancy', benchTenancy],
	['testing', benchTesting],
	['transaction', benchTransaction],
]);
const names = [...benchmarks.keys()];
/** Only where they are named: their rows take many minutes, and no document shows their figures. */
benchmarks.set('adopt', benchAdopt);
benchmarks.set('log', benchLog);
/** Makes the tables and pictures anew from the last whole run, without measuring. */
const documents = 'documents';

// On disk, as in production; see docs/decisions/test-databases.md.
process.env.TMPDIR ??= tmpdir();

const wanted = process.argv.slice(2).filter((argument) => argument !== '--quick');
const unknown = wanted.filter((name) => !benchmarks.has(name) && name !== documents);
if (unknown.length > 0) {
	say(
		`There is no benchmark ${unknown.join(', ')}. There are: ${[...benchmarks.keys(), documents].join(', ')}.`,
	);
	process.exit(2);
}

const whole = wanted.length === 0;
const run = newRun({ whole });
const reports: Report[] = [];
const failed: string[] = [];
for (const [name, bench] of benchmarks) {
	if (whole ? !names.includes(name) : !wanted.includes(name)) continue;
	const start = performance.now();
	try {
		const report = await bench();
		const seconds = Math.round((performance.now() - start) / 1000);
		say(`${name}: ${seconds} s`);
		reports.push(report);
		if (!quick) saveSection(run, name, report, seconds);
	} catch (error) {
		failed.push(name);
		say(`${name} failed: ${reasonOf(error)}`);
		// Without it there is no whole run, so what is left would be measured for nothing.
		if (whole) break;
	}
}
if (reports.length > 0) {
	if (!quick) print(reports);
	say(`\n${Math.round(performance.now() / 1000)} s in all`);
}
if (failed.length === 0 && !quick && (whole || wanted.includes(documents))) {
	try {
		writeDocuments(wholeRun(names), names);
	} catch (error) {
		failed.push(documents);
		say(error instanceof Error ? error.message : String(error));
	}
}
const missed = quick
	? []
	: reports.flatMap(({ figures }) => figures).filter((figure) => !reached(figure));
if (missed.length > 0) say(`\nMissed: ${missed.map(titleOf).join('; ')}`);
if (failed.length > 0) say(`\nFailed: ${failed.join(', ')}`);
if (missed.length > 0 || failed.length > 0) process.exitCode = 1;

/** A mistake of the benchmark itself is found by its stack; what is amiss around it is said in a sentence. */
function reasonOf(error: unknown): string {
	if (error instanceof DestinationsError || error instanceof Refusal) return error.message;
	return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function say(text: string): void {
	process.stderr.write(`${text}\n`);
}
