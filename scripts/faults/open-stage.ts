import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestKeys } from '../../src/testing/index.ts';
import { migrateServer } from '../../src/testing/migrated-server.ts';
import { cloneTemplate } from '../../src/testing/test-database.ts';
import { bundle } from '../../test/support/bundle.ts';
import type { Stage } from './fault.ts';
import { Load } from './load.ts';
import { Server } from './server.ts';
import type { Tally } from './tally.ts';
import { connectionTimeout, queryTimeout } from './timeouts.ts';
import { WeatherProxy } from './weather-proxy.ts';

/** Server, proxy and load. */
export async function openStage(
	tally: Tally,
	seed: number,
): Promise<{ stage: Stage; close: () => Promise<void> }> {
	const folder = await mkdtemp(join(tmpdir(), 'destinations-faults-'));
	const [worker, job, server] = await Promise.all([
		bundle('scripts/faults/processes/worker.ts'),
		bundle('scripts/faults/processes/job.ts'),
		Server.start(),
	]);
	const migrated = await migrateServer({
		...{ connectionString: server.connectionString, namePrefix: 'faults' },
		stop: async () => {},
	});
	const { connectionString, logins } = await cloneTemplate(migrated);
	const proxy = await WeatherProxy.before(connectionString);
	const keys = `${createTestKeys()},${createTestKeys()}`;
	const urls = {
		connectionString: proxy.url(logins.connectionString),
		serviceConnectionString: proxy.url(logins.serviceConnectionString),
		loaderConnectionString: proxy.url(logins.loaderConnectionString),
	};
	const setup = {
		...{ ...urls, keys, max: 5 },
		connectionTimeoutMillis: connectionTimeout,
		query_timeout: queryTimeout,
	};
	const faketime = findFaketime();
	const clock = faketime === undefined ? undefined : join(folder, 'clock');
	if (clock !== undefined) await writeFile(clock, '+0');
	const environment = faketime === undefined ? {} : fakedClock(faketime, clock);
	const load = new Load({
		workers: [
			{ program: worker.file, setup },
			{ program: worker.file, setup },
			{ program: worker.file, setup, environment },
		],
		...{ connectionString, proxy, tally, seed },
	});
	return {
		stage: {
			...{ server, proxy, load, connectionString, keys, clock },
			logins: {
				connectionString: logins.connectionString,
				serviceConnectionString: logins.serviceConnectionString,
				loaderConnectionString: logins.loaderConnectionString,
			},
			job: job.file,
		},
		async close() {
			await load.close();
			await proxy[Symbol.asyncDispose]();
			await server[Symbol.asyncDispose]();
			await Promise.all([worker.remove(), job.remove()]);
			await rm(folder, { recursive: true, force: true });
		},
	};
}

/** Where Debian's package puts the library, by the machine's architecture. */
function findFaketime(): string | undefined {
	const libraries = '/usr/lib';
	if (!existsSync(libraries)) return undefined;
	return readdirSync(libraries)
		.map((name) => join(libraries, name, 'faketime/libfaketimeMT.so.1'))
		.find((file) => existsSync(file));
}

/** A process with this in its environment has the clock that the file says. Timers do not go by it. */
function fakedClock(library: string, file: string | undefined): NodeJS.ProcessEnv {
	return {
		LD_PRELOAD: library,
		FAKETIME_TIMESTAMP_FILE: file,
		FAKETIME_NO_CACHE: '1',
		FAKETIME_DONT_FAKE_MONOTONIC: '1',
		DONT_FAKE_MONOTONIC: '1',
	};
}
