import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import {
	createDestinationsClient,
	destinationsExtension,
	SettingsEncryption,
} from '../src/index.ts';
import { type BenchDatabase, withDatabase } from './database.ts';
import { quantile } from './measure.ts';
import { openBarePrisma } from './peers/bare-prisma.ts';
import type { Figure, Report } from './report.ts';
import type { RotationOrder, RotationReport } from './rotating-process.ts';
import { startRotator } from './rotator.ts';
import { insertSealedRows } from './sealed-rows.ts';

const allRows = 1_000_000;
const speedRows = 200_000;
const speedRounds = 3;
const loopRows = 2_000;
/** How many readings of each kind are taken in each round of the reading users. */
const readings = 400;
const readingRounds = 5;

type Rotator = Awaited<ReturnType<typeof startRotator>>;

/**
 * How fast keys are rotated, in how much memory, and what its users notice of it. It is one rotation of a million
 * rows: it is stopped for what it is compared with, and goes on where it was.
 */
export async function benchRotate(): Promise<Report> {
	return withDatabase(async (database) => {
		const [older, newer] = [randomBytes(32), randomBytes(32)];
		await insertSealedRows(database.admin, { count: allRows, key: older, keyId: 'a' });
		// The first seals, both open.
		const keys = `b:${newer.toString('hex')},a:${older.toString('hex')}`;
		const order = { connectionString: database.connectionString, keys };
		const rotator = await startRotator();
		try {
			const speed = await measureSpeed(rotator, order, database);
			const reads = await measureReads(rotator, order, database);
			const { ended } = await rotator.rotate(order);
			const memory = memoryFigure(await ended, await countRotated(database));
			return { title: 'Key rotation', figures: [...speed, reads, memory] };
		} finally {
			rotator.kill();
		}
	});
}

/** Rotation and the loop take turns, because the machine's speed drifts. */
async function measureSpeed(
	rotator: Rotator,
	order: RotationOrder,
	{ admin }: BenchDatabase,
): Promise<Figure[]> {
	const rates: number[] = [];
	const ratios: number[] = [];
	for (let round = 0; round < speedRounds; round += 1) {
		const loop = await updateOneByOne(order, round);
		const { ended } = await rotator.rotate({ ...order, rows: speedRows });
		const { rotated, seconds } = await ended;
		rates.push(rotated / seconds);
		ratios.push(rotated / seconds / loop);
		await admin.query('VACUUM destinations');
	}
	return [
		{
			name: `rotate ${speedRows} rows`,
			value: quantile(rates, 0.5),
			unit: 'rows/s',
			bound: { atLeast: 8000 },
			detail: `one process, of ${allRows} rows; of ${speedRounds} runs the slowest ${Math.min(...rates).toFixed(0)}, the fastest ${Math.max(...rates).toFixed(0)}`,
		},
		{
			name: 'rotate, against a loop',
			value: quantile(ratios, 0.5),
			unit: '× one Prisma update per row',
			bound: { atLeast: 8 },
			detail: `the loop did ${(quantile(rates, 0.5) / quantile(ratios, 0.5)).toFixed(0)} rows/s`,
		},
	];
}

/** What one would write without this command, for the last rows. Returns rows per second. */
async function updateOneByOne(
	{ connectionString, keys }: RotationOrder,
	round: number,
): Promise<number> {
	const base = openBarePrisma(connectionString);
	try {
		const prisma = base.$extends(destinationsExtension({ keys }));
		const encryption = new SettingsEncryption(keys);
		const start = performance.now();
		const rows = await prisma.destination.findMany({
			take: loopRows,
			skip: round * loopRows,
			orderBy: { id: 'desc' },
		});
		for (const { id, organizationId, type, settings } of rows) {
			await base.destination.update({
				where: { id },
				select: { id: true },
				data: {
					settings: {
						...(await encryption.encrypt(settings, { organizationId, destinationId: id, type })),
					},
				},
			});
		}
		return (rows.length / (performance.now() - start)) * 1000;
	} finally {
		await base.$disconnect();
	}
}

/** Reads of an organization's destinations, in turns with the rotation beside them and without. */
async function measureReads(
	rotator: Rotator,
	order: RotationOrder,
	{ admin }: BenchDatabase,
): Promise<Figure> {
	const { rows } = await admin.query<{ id: string }>('SELECT id FROM organizations LIMIT 500');
	await using db = createDestinationsClient(order);
	const readAll = async () => {
		const times: number[] = [];
		for (let reading = 0; reading < readings; reading += 1) {
			const id = rows[(reading * 7) % rows.length]?.id ?? '';
			const start = performance.now();
			await db.forOrganization(id).prisma.destination.findMany();
			times.push(performance.now() - start);
		}
		return times;
	};
	await readAll();
	const ratios: number[] = [];
	const p95 = { alone: [] as number[], beside: [] as number[] };
	for (let round = 0; round < readingRounds; round += 1) {
		const before = await readAll();
		const { ended } = await rotator.rotate(order);
		const beside = quantile(await readAll(), 0.95);
		rotator.stop();
		await ended;
		await delay(200);
		const after = await readAll();
		// Around it on both sides, because the machine's speed drifts.
		const alone = quantile([...before, ...after], 0.95);
		ratios.push(beside / alone);
		p95.alone.push(alone);
		p95.beside.push(beside);
	}
	return {
		name: "users' reads during a rotation, p95",
		value: quantile(ratios, 0.5),
		unit: '× with none running',
		bound: { atMost: 2 },
		detail: `${quantile(p95.beside, 0.5).toFixed(2)} ms against ${quantile(p95.alone, 0.5).toFixed(2)} ms; of ${readingRounds} rounds ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`,
	};
}

async function countRotated({ admin }: BenchDatabase): Promise<number> {
	const { rows } = await admin.query<{ count: number }>(
		"SELECT count(*)::int FROM destinations WHERE settings ->> 'kid' = 'b'",
	);
	return rows[0]?.count ?? 0;
}

function memoryFigure({ idle, peak }: RotationReport, rotated: number): Figure {
	if (rotated !== allRows) throw new Error(`${rotated} rows were rotated`);
	return {
		name: `memory above idle, ${allRows} rows`,
		value: (peak - idle) / 1e6,
		unit: 'MB',
		bound: { atMost: 100 },
		detail: `${(idle / 1e6).toFixed(0)} MB idle, ${(peak / 1e6).toFixed(0)} MB at the most, in one process`,
	};
}
