/**
 * Changes the code in small ways and looks whether a test notices (https://stryker-mutator.io). Fails where one
 * survives that `equivalents/` does not explain. Names of rooms as arguments; without them, all.
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
import { isRoomName, type RoomName, roomNames, roomOf } from './rooms.ts';
import { runRoom } from './run-room.ts';

const given = process.argv.slice(2);
const unknown = given.filter((name) => !isRoomName(name));
if (unknown.length > 0) {
	process.stderr.write(`There is no ${unknown.join(', ')}. There are ${roomNames.join(', ')}.\n`);
	process.exit(2);
}

process.chdir(root);
const server = await startPostgresServer(postgresSourceFromEnvironment());
try {
	// The environment is what Stryker's workers inherit, as Jest's do.
	process.env.TEST_SERVER = JSON.stringify(await migrateServer(server));
	process.env.TEST_SERVER_URL = server.connectionString;
	const names = given.length === 0 ? roomNames : given.filter(isRoomName);
	for (const name of names) {
		const sources = await readSources(join(root, 'src'));
		const results = await runRoom(roomOf(name));
		if (!(await report(name, results, sources))) process.exitCode = 1;
	}
} finally {
	await server.stop();
}

/** Says what survived; returns whether the list explains all of it. */
async function report(
	name: RoomName,
	results: readonly MutantResult[],
	sources: ReadonlyMap<string, string>,
): Promise<boolean> {
	const survivors = results
		.filter((result) => !isKilled(result))
		.map((result) => describeSurvivor(root, sources, result));
	const { unexplained, stale } = compare(survivors, await equivalentsOf(name));
	for (const { place, ...survivor } of unexplained) {
		print(`\nsurvived  ${place}\n${JSON.stringify({ ...survivor, reason: '' }, null, '\t')}`);
	}
	for (const { file, line, mutant } of stale) {
		print(`\nin the list, but it does not survive  ${file}\n\t${line}\n\t${mutant}`);
	}
	const counts = [
		`${results.length - survivors.length} killed`,
		`${results.filter(neverEnds).length} of them by never ending`,
		`${survivors.length - unexplained.length} equivalent`,
		`${unexplained.length} survived`,
	];
	print(`\n${name}: ${results.length} mutants, ${counts.join(', ')}`);
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
