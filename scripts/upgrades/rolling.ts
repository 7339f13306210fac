import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { build } from 'esbuild';
import { diagnose } from '../../src/doctor/diagnose.ts';
import { verifySettings } from '../../src/index.ts';
import { createDatabase, withClient, withDatabase } from '../../src/testing/databases.ts';
import { createTestKeys, startTestDatabase } from '../../src/testing/index.ts';
import { unpacked } from '../../test/packaging/packed.ts';
import { cache, root } from '../build-package.ts';
import { Load } from '../faults/load.ts';
import { faultKinds, Tally } from '../faults/tally.ts';
import { WeatherProxy } from '../faults/weather-proxy.ts';
import type { Case } from './case.ts';
import { olderCommit, olderPackage } from './older-package.ts';

const processes = 3;
/** How long each mixture of versions works, in milliseconds. */
const period = 4000;

/** The process of the load on a package as it is installed. */
async function workerOn(installed: string, outfile: string): Promise<void> {
	await build({
		...{ absWorkingDir: root, entryPoints: ['scripts/faults/processes/worker.ts'], outfile },
		...{ bundle: true, platform: 'node', target: 'node20', format: 'esm', packages: 'external' },
		logLevel: 'error',
		plugins: [
			{
				name: 'installed package',
				setup({ onResolve }) {
					const path = join(installed, 'dist/index.js');
					onResolve({ filter: /src\/index\.ts$/ }, () => ({ path, external: true }));
				},
			},
		],
	});
}

/** `prisma migrate deploy` of a package as it is installed. */
function deploy(installed: string, folder: string, connectionString: string): void {
	const config = join(folder, 'prisma.config.mjs');
	const from = JSON.stringify(join(installed, 'prisma/config.mjs'));
	writeFileSync(config, `export { default } from ${from};\n`);
	const command = [join(root, 'node_modules/prisma/build/index.js'), 'migrate', 'deploy'];
	const { status, stdout, stderr } = spawnSync(process.execPath, [...command, '--config', config], {
		encoding: 'utf8',
		env: { ...process.env, DATABASE_URL: connectionString },
		cwd: folder,
	});
	if (status !== 0) throw new Error(`${stdout}${stderr}`);
}

/** From one tarball to the next and back again under load, with processes of both on one database all the while. */
export const rolling: Case = {
	name: 'rolling',
	async run() {
		const packages = { older: olderPackage(), newer: await unpacked() };
		const folder = mkdtempSync(join(cache, 'rolling-'));
		const worker = (version: keyof typeof packages) => join(folder, `${version}.mjs`);
		await Promise.all([
			workerOn(packages.older, worker('older')),
			workerOn(packages.newer, worker('newer')),
		]);
		const programs = Array.from({ length: processes }, (_, n) => join(folder, `worker-${n}.mjs`));
		const put = (version: keyof typeof packages, program: string) => {
			copyFileSync(worker(version), `${program}.new`);
			renameSync(`${program}.new`, program);
		};
		const tally = new Tally();
		await using database = await startTestDatabase({ source: 'embedded' });
		await withClient(database.connectionString, (admin) => createDatabase(admin, 'rolling'));
		const connectionString = withDatabase(database.connectionString, 'rolling');
		deploy(packages.older, folder, connectionString);
		await using proxy = await WeatherProxy.before(connectionString);
		const keys = createTestKeys();
		const { logins: made } = database;
		const logins = {
			connectionString: withDatabase(made.connectionString, 'rolling'),
			serviceConnectionString: withDatabase(made.serviceConnectionString, 'rolling'),
			loaderConnectionString: withDatabase(made.loaderConnectionString, 'rolling'),
		};
		const setup = {
			connectionString: proxy.url(logins.connectionString),
			serviceConnectionString: proxy.url(logins.serviceConnectionString),
			loaderConnectionString: proxy.url(logins.loaderConnectionString),
			...{ keys, max: 5, connectionTimeoutMillis: 5000, query_timeout: 10_000 },
		};
		for (const program of programs) put('older', program);
		const load = new Load({
			workers: programs.map((program) => ({ program, setup })),
			...{ connectionString, proxy, tally, seed: 7 },
		});
		try {
			await load.start(4000);
			await delay(period / 2);
			tally.next('the migrations of the newer run');
			deploy(packages.newer, folder, connectionString);
			for (const version of ['newer', 'older', 'newer'] as const) {
				for (const [n, program] of programs.entries()) {
					tally.next(`process ${n} becomes ${version}`);
					put(version, program);
					await load.workers[n]?.kill();
					const { all } = await tally.recovered(load.lanes, 20_000);
					if (!Number.isFinite(all))
						throw new Error(`not everybody was answered once ${n} was ${version}`);
					await delay(period / processes);
				}
			}
			await load.stop();
		} finally {
			await load.close();
			rmSync(folder, { recursive: true, force: true });
		}
		const faults = faultKinds.filter((kind) => tally.faults[kind] > 0);
		if (faults.length > 0) {
			throw new Error(faults.map((kind) => `${tally.faults[kind]} ${kind}`).join(', '));
		}
		await whole({ ...logins, keys });
		const { operations, refused, longest } = tally.total;
		return `from ${olderCommit}, ${operations} answers checked, ${refused} refused, the longest after ${Math.round(longest)} ms`;
	},
};

/** `doctor` finds no failure, and `verify` opens every row. */
export async function whole(
	options: Parameters<typeof diagnose>[0] & {
		readonly serviceConnectionString: string;
		readonly keys: string;
	},
): Promise<string[]> {
	const { serviceConnectionString, keys } = options;
	const findings = (await diagnose(options)).flatMap(({ findings }) => findings);
	const failures = findings.filter(({ severity }) => severity === 'failure');
	if (failures.length > 0) throw new Error(failures.map(({ message }) => message).join('\n'));
	const { failed, checked } = await verifySettings({
		connectionString: serviceConnectionString,
		keys,
	});
	if (failed > 0 || checked === 0) throw new Error(`${failed} of ${checked} settings do not open`);
	return findings.map(({ message }) => message);
}
