/**
 * Runs the tests on every supported Node and Postgres, and deploys into every layout of a database; `--quick` runs those
 * on what is farthest from `npm test`, `--layouts` only deploys.
 */
import { unpacked } from '../../test/packaging/packed.ts';
import { root } from '../build-package.ts';
import { type Cell, everything, nodes, postgreses, quick } from './cells.ts';
import { deployEverywhere } from './layouts.ts';
import { type CellResult, runCell } from './run-cell.ts';

const given = process.argv.slice(2).join(' ');
const cellsOf: Readonly<Record<string, readonly Cell[]>> = {
	'': everything,
	'--quick': quick,
	'--layouts': [],
};
const cells =
	cellsOf[given] ?? fail(`There is no option ${given}, only --quick or --layouts, one of them.`);
if (`${process.platform}-${process.arch}` !== 'linux-x64') {
	fail('The matrix takes Node and Postgres from npm packages for linux-x64, and runs there alone.');
}

process.chdir(root);
// What npm would send; the tests of its installation take the same one.
const builtPackage = await unpacked();
const rows = [['Node', 'Postgres', 'tests', 'passed', 'seconds', 'result']];
const failures = given === '--quick' ? [] : await deployEverywhere();
for (const cell of cells) {
	const result: CellResult = await runCell(cell, builtPackage);
	const name = `Node ${nodes[cell.node]}, Postgres ${releaseOf(cell)}`;
	const good = result.failures.length === 0;
	process.stderr.write(`${name}: ${good ? 'passed' : 'FAILED'}\n`);
	if (!good) failures.push(name, ...result.failures.map((failure) => `  ${failure}`));
	rows.push([
		nodes[cell.node],
		releaseOf(cell),
		cell.tests.length === 0 ? 'all' : 'core',
		String(result.passed),
		result.seconds.toFixed(0),
		good ? 'passed' : 'FAILED',
	]);
}

const widths = [0, 1, 2, 3, 4].map((column) =>
	Math.max(...rows.map((row) => row[column]?.length ?? 0)),
);
for (const row of rows) {
	const cellsOfRow = row.map((text, column) => text.padEnd(widths[column] ?? 0));
	process.stdout.write(`${cellsOfRow.join('  ').trimEnd()}\n`);
}
if (failures.length > 0) {
	process.stderr.write(`\n${failures.join('\n')}\n`);
	process.exitCode = 1;
}

/** Postgres's own number: 18.4 of 18.4.0-beta.17. */
function releaseOf({ postgres }: Cell): string {
	return postgreses[postgres].split('.').slice(0, 2).join('.');
}

function fail(message: string): never {
	process.stderr.write(`${message}\n`);
	process.exit(2);
}
