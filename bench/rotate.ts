import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../src/generated/prisma/client.ts';
import {
	createDestinationsClient,
	destinationsExtension,
	rotateKeys,
	SettingsEncryption,
} from '../src/index.ts';
import { type BenchDatabase, withDatabase } from './database.ts';
import { quantile } from './measure.ts';
import type { Figure, Report } from './report.ts';
import type { RotationMemory } from './rotating-process.ts';
import { insertSealedRows } from './sealed-rows.ts';

const speedRows = 200_000;
const loopRows = 2_000;
const rounds = 3;
const memoryRows = 1_000_000;
/** How many readings of each kind are taken in each round of the reading users. */
const readings = 400;
const readingRounds = 7;

type KeyId = 'a' | 'b';
const bytes = { a: randomBytes(32), b: randomBytes(32) };
/** The key that rows are sealed with, and the other one: each rotation goes back the way that the last came. */
let current: KeyId = 'a';
let other: KeyId = 'b';

function nextKeys(): string {
	[current, other] = [other, current];
	return ring(current, other);
}

/** The first seals, both open. */
const ring = (...ids: KeyId[]) => ids.map((id) => `${id}:${bytes[id].toString('hex')}`).join();

/** How fast keys are rotated, in how much memory, and what its users notice of it. */
export async function benchRotate(): Promise<Report> {
	const figures: Figure[] = [];
	await withDatabase(async (database) => {
		await insertSealedRows(database.admin, { count: speedRows, key: bytes.a, keyId: 'a' });
		figures.push(...(await measureSpeed(database)), await measureReads(database));
	});
	await withDatabase(async (database) => {
		await insertSealedRows(database.admin, { count: memoryRows, key: bytes.a, keyId: 'a' });
		figures.push(await measureMemory(database));
	});
	return { title: 'Key rotation', figures };
}

/** Rotation and the loop take turns, because the machine's speed drifts. */
async function measureSpeed({ connectionString, admin }: BenchDatabase): Promise<Figure[]> {
	const rotations: number[] = [];
	const ratios: number[] = [];
	for (let round = 0; round < rounds; round += 1) {
		const keys = nextKeys();
		const loop = await updateOneByOne(connectionString, keys);
		await admin.query('VACUUM destinations');
		const start = performance.now();
		const { rotated } = await rotateKeys({ connectionString, keys });
		const rate = (rotated / (performance.now() - start)) * 1000;
		rotations.push(rate);
		ratios.push(rate / loop);
		await admin.query('VACUUM destinations');
	}
	return [
		{
			name: `rotate ${speedRows} rows`,
			value: quantile(rotations, 0.5),
			unit: 'rows/s',
			bound: { atLeast: 8000 },
			detail: `one process; of ${rounds} runs the slowest ${Math.min(...rotations).toFixed(0)}, the fastest ${Math.max(...rotations).toFixed(0)}`,
		},
		{
			name: 'rotate, against a loop',
			value: quantile(ratios, 0.5),
			unit: '× one Prisma update per row',
			bound: { atLeast: 8 },
			detail: `the loop did ${(quantile(rotations, 0.5) / quantile(ratios, 0.5)).toFixed(0)} rows/s`,
		},
	];
}

/** What one would write without this command. Gives rows per second. */
async function updateOneByOne(connectionString: string, keys: string): Promise<number> {
	const base = new PrismaClient({
		adapter: new PrismaPg({ connectionString, options: '-c TimeZone=UTC' }),
	});
	try {
		const prisma = base.$extends(destinationsExtension({ keys }));
		const encryption = new SettingsEncryption(keys);
		const start = performance.now();
		const rows = await prisma.destination.findMany({ take: loopRows, orderBy: { id: 'asc' } });
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

/** Reads of an organization's destinations, in turns with a rotation beside them and without. */
async function measureReads({ connectionString, admin }: BenchDatabase): Promise<Figure> {
	const { rows } = await admin.query<{ id: string }>('SELECT id FROM organizations LIMIT 500');
	await using db = createDestinationsClient({ connectionString, keys: ring('a', 'b') });
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
		const keys = nextKeys();
		const rotation = await startRotation(connectionString, keys);
		await rotation.underWay;
		const beside = quantile(await readAll(), 0.95);
		await rotation.stop();
		await rotateKeys({ connectionString, keys });
		await admin.query('VACUUM destinations');
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

async function measureMemory({ connectionString }: BenchDatabase): Promise<Figure> {
	const rotation = await startRotation(connectionString, ring('b', 'a'));
	const { idle, peak, rotated, seconds } = await rotation.ended;
	return {
		name: `memory above idle, ${memoryRows} rows`,
		value: (peak - idle) / 1e6,
		unit: 'MB',
		bound: { atMost: 100 },
		detail: `${(idle / 1e6).toFixed(0)} MB idle, ${(peak / 1e6).toFixed(0)} MB at the most; ${rotated} rows in ${seconds.toFixed(0)} s`,
	};
}

/** Rotates in a process of its own. */
async function startRotation(connectionString: string, keys: string) {
	const child = fork(fileURLToPath(new URL('rotating-process.ts', import.meta.url)), {
		execArgv: ['--import', 'tsx'],
	});
	await once(child, 'message');
	const underWay = once(child, 'message');
	child.send({ connectionString, keys });
	const ended = underWay.then(async (): Promise<RotationMemory> => {
		const [memory] = await once(child, 'message');
		return memory;
	});
	return {
		underWay,
		ended,
		stop: async () => {
			if (child.connected) child.send('stop');
			await ended;
		},
	};
}
