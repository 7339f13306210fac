/** Runs the benchmarks, or those named on the command line; prints a table and writes bench/results.json. */
import { fileURLToPath } from 'node:url';
import { benchAudit } from './audit.ts';
import { benchDestinations } from './destinations.ts';
import { print, type Report, reached, save } from './report.ts';
import { benchRotate } from './rotate.ts';
import { benchSettings } from './settings.ts';
import { benchTenancy } from './tenancy.ts';

const benchmarks = new Map<string, () => Promise<Report>>([
	['audit', benchAudit],
	['destinations', benchDestinations],
	['rotate', benchRotate],
	['settings', benchSettings],
	['tenancy', benchTenancy],
]);

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !benchmarks.has(name));
if (unknown.length > 0) {
	process.stderr.write(
		`There is no benchmark ${unknown.join(', ')}. There are: ${[...benchmarks.keys()].join(', ')}.\n`,
	);
	process.exit(2);
}

const reports = new Map<string, Report>();
for (const [name, run] of benchmarks) {
	if (wanted.length > 0 && !wanted.includes(name)) continue;
	const report = await run();
	print(report);
	reports.set(name, report);
}
save(fileURLToPath(new URL('results.json', import.meta.url)), reports);
const missed = [...reports.values()].flatMap(({ figures }) => figures).filter((f) => !reached(f));
if (missed.length > 0) {
	process.stderr.write(`\nMissed: ${missed.map(({ name }) => name).join(', ')}\n`);
	process.exitCode = 1;
}
