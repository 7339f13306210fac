import { startTestDatabase } from '../src/testing/index.ts';
import { builtPackage } from './built-package.ts';
import { mixDescription, mixOf } from './end-to-end/mix.ts';
import { type Profile, profile } from './end-to-end/profile.ts';
import { type MeasureOptions, measure, quantile, runAtOnce, type Variant } from './measure.ts';
import { type Contender, openOwnAndBare } from './peers/open-peers.ts';
import type { Row } from './peers/rows.ts';
import type { Figure, Report } from './report.ts';

const loads = [1, 16, 64];
const turns = { rounds: 7, repeats: 400 };
const profiled = 12_000;
const profiledInFlight = 16;
/** Of this package's functions, as many as are shown. */
const functions = 12;
/** Of a hundred operations one creates, and warming up takes two rounds. */
const places = (loads.length * (turns.rounds + 2) * turns.repeats + profiled) / 100 + 10;

/** What one service process does a second, with every guarantee on, and where its time goes. */
export async function benchEndToEnd(): Promise<Report> {
	const { createDestinationsClient } = await builtPackage();
	await using sealed = await startTestDatabase({ source: 'embedded' });
	await using plain = await sealed.clone();
	const { rows, ours, bare } = await openOwnAndBare(
		sealed,
		plain,
		places,
		createDestinationsClient,
	);
	try {
		const figures: Figure[] = [];
		for (const inFlight of loads) {
			figures.push(await throughput(ours, bare, rows, { ...turns, inFlight }));
		}
		const mix = mixOf(ours, rows);
		figures.push(
			...profileFigures(await profile(() => runAtOnce(mix.run, profiled, profiledInFlight))),
		);
		return { title: `One process of a service: ${mixDescription}`, figures };
	} finally {
		await Promise.all([ours, bare].map(({ peer }) => peer.close()));
	}
}

async function throughput(
	ours: Contender,
	bare: Contender,
	rows: readonly Row[],
	options: MeasureOptions & { readonly inFlight: number },
): Promise<Figure> {
	const times: number[] = [];
	const [prisma, own] = await measure(
		[mixOf(bare, rows), timed(mixOf(ours, rows), times)],
		options,
	);
	if (prisma === undefined || own === undefined) throw new Error('Nothing was measured');
	const at = (quantum: number) => quantile(times, quantum).toFixed(2);
	return {
		name: `operations per second, ${options.inFlight} in flight`,
		value: 1000 / own.median,
		unit: 'a second',
		bound: undefined,
		detail: `bare Prisma does ${(1000 / prisma.median).toFixed(0)}: ${(1 / own.ratio).toFixed(2)} of it, middle half ${(1 / own.ratioHigh).toFixed(2)} to ${(1 / own.ratioLow).toFixed(2)}; each takes ${at(0.5)} ms, p95 ${at(0.95)}, p99 ${at(0.99)}`,
	};
}

function timed({ name, run }: Variant, times: number[]): Variant {
	return {
		name,
		run: async () => {
			const start = performance.now();
			await run();
			times.push(performance.now() - start);
		},
	};
}

function profileFigures({ areas, own }: Profile): Figure[] {
	const figure = (name: string, percent: number, detail: string): Figure => ({
		name,
		value: percent,
		unit: '%',
		bound: undefined,
		detail,
	});
	return [
		...areas.map(({ name, percent }) =>
			figure(`time in ${name}`, percent, name === 'idle' ? 'of all' : 'of the time not idle'),
		),
		...own
			.slice(0, functions)
			.map(({ name, percent }) =>
				figure(
					name,
					percent,
					'of the time not idle; itself, and what it calls of Node and JavaScript',
				),
			),
	];
}
