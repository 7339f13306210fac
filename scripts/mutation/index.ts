/**
 * Changes the code in small ways and looks whether a test notices (https://stryker-mutator.io). Fails where one
 * survives that `equivalents/` does not explain. Names of rooms as arguments; without them, all. Behind the name of one
 * room its files, perhaps with lines (`json src/encryption/canonical-json.ts:10-20`), for the mutants there alone.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { MutantResult } from '@stryker-mutator/api/core';
import { migrateServer } from '../../src/testing/migrated-server.ts';
import {
	postgresSourceFromEnvironment,
	startPostgresServer,
} from '../../src/testing/postgres-server.ts';
import { root } from '../build-package.ts';
import { compare, describeSurvivor, type Equivalent, readSources } from './mutants.ts';
import { type RoomName, roomOf } from './rooms.ts';
import { runRoom } from './run-room.ts';
import { type Selection, select } from './selection.ts';

process.chdir(root);
const selected = select(process.argv.slice(2));
if (typeof selected === 'string') {
	process.stderr.write(`${selected}\n`);
	process.exit(2);
}

const server = await startPostgresServer(postgresSourceFromEnvironment());
try {
	// The environment is what Stryker's workers inherit, as Jest's do.
	process.env.TEST_SERVER = JSON.stringify(await migrateServer(server));
	process.env.TEST_SERVER_URL = server.connectionString;
	for (const selection of selected) {
		const sources = await readSources(join(root, 'src'));
		const start = performance.now();
		const results = await runRoom(roomOf(selection.room), selection.places);
		const seconds = Math.round((performance.now() - start) / 1000);
		if (!(await report(selection, results, sources, seconds))) process.exitCode = 1;
	}
} finally {
	await server.stop();
}

/** Says what survived; returns whether the list explains all of it. */
async function report(
	{ room, places }: Selection,
	results: readonly MutantResult[],
	sources: ReadonlyMap<string, string>,
	seconds: number,
): Promise<boolean> {
	const describe = (result: MutantResult) => describeSurvivor(root, sources, result);
	const survivors = results.filter((result) => !isKilled(result)).map(describe);
	const endless = results.filter(neverEnds).map(describe);
	// A busy machine may have made a few of them slow: run their lines again.
	for (const { place, mutant } of endless) print(`never ends  ${place}  ${mutant}`);
	const compared = compare(survivors, await equivalentsOf(room));
	const { unexplained } = compared;
	// A part of a room does not show what the rest of it explains.
	const stale = places.length === 0 ? compared.stale : [];
	for (const { place, ...survivor } of unexplained) {
		print(`\nsurvived  ${place}\n${JSON.stringify({ ...survivor, reason: '' }, null, '\t')}`);
	}
	for (const { file, line, mutant } of stale) {
		print(`\nin the list, but it does not survive  ${file}\n\t${line}\n\t${mutant}`);
	}
	const counts = [
		`${results.length - survivors.length} killed`,
		`${endless.length} of them by never ending`,
		`${survivors.length - unexplained.length} equivalent`,
		`${unexplained.length} survived`,
	];
	print(`\n${room}: ${results.length} mutants in ${seconds} s, ${counts.join(', ')}`);
	return unexplained.length === 0 && stale.length === 0;
}

/** Whatever else became of a mutant, one that a comment hides included, is a survivor. */
function isKilled({ status }: MutantResult): boolean {
	return status === 'Killed' || status === 'RuntimeError' || status === 'Timeout';
}

/** By a limit of Stryker's, or of a test's: both are far above what a test takes. */
function neverEnds({ status, statusReason }: MutantResult): boolean {
	return status === 'Timeout' || statusReason?.includes('Exceeded timeout') === true;
}

async function equivalentsOf(name: RoomName): Promise<Equivalent[]> {
	const file = new URL(`equivalents/${name}.json`, import.meta.url);
	const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
		if (error.code === 'ENOENT') return '[]';
		throw error;
	});
	return JSON.parse(text);
}

function print(text: string): void {
	process.stdout.write(`${text}\n`);
}
