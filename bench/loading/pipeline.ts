import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { cache } from '../../scripts/build-package.ts';
import { destinationTypes } from '../../src/destinations/registry.ts';
import { validateSettings } from '../../src/destinations/validate.ts';
import type { DestinationsLoader } from '../../src/index.ts';
import { builtPackage, builtPackageFile } from '../built-package.ts';
import { validSettings } from '../destinations.ts';
import { type Profile, profile } from '../end-to-end/profile.ts';
import { quick, runAtOnce } from '../measure.ts';
import type { Figure } from '../report.ts';
import { insertSealedRows } from '../sealed-rows.ts';
import { startChildren } from './children.ts';
import type { LoadingBench } from './loading-bench.ts';

const organizations = quick ? 100 : 10_000;
const events = quick ? 200 : 4_000;
const inFlight = 32;

/** What of examples/pipeline is used here. */
export interface PipelineExample {
	readonly Pipeline: new (options: {
		readonly loader: DestinationsLoader;
		readonly send: (request: object) => Promise<void>;
		readonly log: (line: string) => void;
		readonly onFailure: (destination: object, error: unknown) => void;
	}) => { handle(event: object): Promise<number> };
	readonly send: (request: object) => Promise<void>;
	readonly startReceivers: () => Promise<{ readonly url: string }>;
	readonly toReceivers: (url: string, request: object) => object;
	readonly visitorEvent: (organizationId: string) => object;
}

/** What one process of the example does a second, with the providers' stand-ins in another, and where its time goes. */
export async function measurePipeline(bench: LoadingBench): Promise<Figure[]> {
	const { createDestinationsLoader } = await builtPackage();
	const organizationIds = await insertOrganizations(bench);
	const file = await bundleExample();
	const example: PipelineExample = await import(pathToFileURL(file).href);
	await using receivers = await startChildren([['receiving-process.ts', file]]);
	const url = String(receivers.ready[0]);
	await using loader = createDestinationsLoader({
		connectionString: bench.logins.loaderConnectionString,
		keys: bench.keys,
	});
	await loader.start();
	const pipeline = new example.Pipeline({
		loader,
		send: (request) => example.send(example.toReceivers(url, request)),
		log: () => {},
		onFailure: (_, error) => {
			throw error;
		},
	});
	await Promise.all(organizationIds.map((id) => loader.findEnabled(id, 'production')));
	let turn = 0;
	let sent = 0;
	const handle = async () => {
		turn = (turn + 37) % organizationIds.length;
		const to = await pipeline.handle(example.visitorEvent(organizationIds[turn] ?? ''));
		sent += to;
	};
	await runAtOnce(handle, events / 4, inFlight);
	sent = 0;
	const start = performance.now();
	await runAtOnce(handle, events, inFlight);
	const seconds = (performance.now() - start) / 1000;
	const [perEvent, perSecond] = [sent / events, sent / seconds];
	const { areas } = await profile(() => runAtOnce(handle, events / 2, inFlight));
	return [
		{
			name: "events through the example's pipeline",
			value: events / seconds,
			unit: 'a second',
			bound: undefined,
			detail: `one process, ${inFlight} events in flight, ${organizations} organizations of six; ${perEvent.toFixed(1)} destinations an event, ${perSecond.toFixed(0)} a second`,
		},
		...areas.map(areaFigure),
	];
}

function areaFigure({ name, percent }: Profile['areas'][number]): Figure {
	return {
		name: `time of the pipeline in ${name}`,
		value: percent,
		unit: '%',
		bound: undefined,
		detail: name === 'idle' ? 'of all' : 'of the time not idle',
	};
}

/** Organizations with one destination of each type, beside those that are there. */
async function insertOrganizations({ admin, keys, rows }: LoadingBench): Promise<string[]> {
	const [keyId = '', hex = ''] = keys.split(':');
	await insertSealedRows(admin, {
		count: 6 * organizations,
		firstRow: 6 * rows,
		key: Buffer.from(hex, 'hex'),
		keyId,
		environments: ['production'],
		settingsOf: (type) => settings.get(type) ?? '{}',
	});
	const found = await admin.query<{ id: string }>(
		`SELECT organization_id AS id FROM destinations WHERE type = 'console'`,
	);
	return found.rows.map(({ id }) => id);
}

const settings = new Map<string, string>(
	destinationTypes.map((type) => [
		type,
		JSON.stringify(validateSettings(type, validSettings[type])),
	]),
);

/** The example as it is, on the package as it is shipped. */
async function bundleExample(): Promise<string> {
	const file = join(cache, 'bench-pipeline.mjs');
	const built = await builtPackageFile();
	await build({
		stdin: {
			contents: ['pipeline', 'send', 'receivers', 'events']
				.map((name) => `export * from './examples/pipeline/src/${name}.ts';`)
				.join('\n'),
			resolveDir: process.cwd(),
		},
		outfile: file,
		bundle: true,
		platform: 'node',
		format: 'esm',
		target: 'node20',
		logLevel: 'error',
		plugins: [
			{
				name: 'built-package',
				setup: ({ onResolve }) => {
					onResolve({ filter: /^@consent-io\/destinations$/ }, () => ({
						path: pathToFileURL(built).href,
						external: true,
					}));
				},
			},
		],
	});
	return file;
}
