/**
 * Holds a load whose every answer is checked against each fault that a database, a network and a process have:
 * `npm run test:faults`. `-- --long` goes on for 15 minutes; `-- black` tries those faults whose names have that.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { audit } from './audit.ts';
import { type Fault, Untried } from './fault.ts';
import { capacityFaults } from './kinds/capacity.ts';
import { jobFaults } from './kinds/jobs.ts';
import { networkFaults } from './kinds/network.ts';
import { processFaults } from './kinds/processes.ts';
import { serverFaults } from './kinds/server.ts';
import { tableFaults } from './kinds/tables.ts';
import { Memory } from './memory.ts';
import { openStage } from './open-stage.ts';
import { Report } from './report.ts';
import { Tally } from './tally.ts';

const all = [
	...jobFaults,
	...tableFaults,
	...processFaults,
	...networkFaults,
	...serverFaults,
	...capacityFaults,
];
const given = process.argv.slice(2);
const long = given.includes('--long');
const wanted = given.filter((argument) => argument !== '--long');
const unknown = wanted.find((name) => !all.some((fault) => fault.name.includes(name)));
if (unknown !== undefined) {
	const names = all.map(({ name }) => name).join('\n  ');
	throw new Error(
		`There is no fault "${unknown}", and no option but --long. There are:\n  ${names}`,
	);
}
const faults = all.filter(
	({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
);

/** How long the load runs undisturbed before each fault, in milliseconds. */
const quiet = long ? 4000 : 300;
const recoverWithin = 500;
/** How long is waited for lanes that have not recovered. */
const patience = 10_000;

const begun = performance.now();
const until = begun + (long ? 15 : 0) * 60_000;
const tally = new Tally();
const report = new Report(tally);
const memory = new Memory();

async function tryOut(fault: Fault): Promise<void> {
	const { load } = stage;
	tally.next(fault.name);
	try {
		const note = await fault.run(stage);
		const { first, all } = await tally.recovered(load.lanes, patience);
		if (first > (fault.recoverWithin ?? recoverWithin)) {
			report.failed(
				`nobody was answered within ${Math.round(first)} ms of the end of "${fault.name}"`,
			);
		}
		report.tried(fault, tally.next('no fault'), { first, all, note });
	} catch (error) {
		if (error instanceof Untried) report.untried(fault, error.message);
		else report.failed(`${fault.name}: ${error instanceof Error ? error.message : error}`);
	}
}

// Server and file system end with this process, which only hears of its end where it ends by itself.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const opened = await openStage(tally, Math.floor(Math.random() * 2 ** 31));
const { stage } = opened;
try {
	await stage.load.start(long ? 60_000 : 6000);
	await delay(1000);
	memory.measured(await stage.load.measure());
	// Each once, and in the long form again and again while there is time.
	for (let turn = 0; turn < faults.length || performance.now() < until; turn += 1) {
		const fault = faults[turn % faults.length];
		if (fault === undefined) break;
		tally.next('no fault');
		await delay(quiet);
		report.undisturbed(tally.next('no fault'), quiet);
		await tryOut(fault);
		if (long) memory.measured(await stage.load.measure());
	}
	await stage.load.stop();
	memory.measured(await stage.load.measure());
	for (const failure of await audit(stage, tally)) report.failed(failure);
	for (const failure of memory.leaks(long)) report.failed(failure);
	report.print({ seconds: (performance.now() - begun) / 1000, memory: memory.toString() });
} finally {
	await opened.close();
}
process.exitCode = report.good ? 0 : 1;
