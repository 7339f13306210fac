/**
 * Upgrades of the package, of its database and of Postgres: `npm run test:upgrades`. `-- rolling` tries the cases whose
 * names have that; `-- --rows=100000` takes fewer rows than the 5,000,000 that migrations are held against.
 */
import { root } from '../build-package.ts';
import { type Case, Untried } from './case.ts';
import { lockCase } from './locks.ts';
import { majorCases } from './majors.ts';
import { rolling } from './rolling.ts';

process.chdir(root);
const given = process.argv.slice(2);
const [, rows = '5000000'] =
	given.map((option) => /^--rows=(\d+)$/.exec(option)).find(Boolean) ?? [];
const wanted = given.filter((option) => !option.startsWith('--rows='));
const cases: readonly Case[] = [rolling, ...majorCases, lockCase(Number(rows))];
const unknown = wanted.find((part) => !cases.some(({ name }) => name.includes(part)));
if (unknown !== undefined) {
	throw new Error(
		`There is no "${unknown}". There are: ${cases.map(({ name }) => name).join(', ')}`,
	);
}

let failed = 0;
for (const { name, run } of cases) {
	if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
	const started = performance.now();
	try {
		const said = await run();
		const seconds = Math.round((performance.now() - started) / 1000);
		process.stdout.write(`passed ${name}, ${seconds} s: ${said}\n`);
	} catch (error) {
		if (error instanceof Untried) process.stdout.write(`SKIPPED ${name}: ${error.message}\n`);
		else {
			failed += 1;
			process.stdout.write(`FAILED ${name}: ${error instanceof Error ? error.stack : error}\n`);
		}
	}
}
process.exitCode = failed > 0 ? 1 : 0;
