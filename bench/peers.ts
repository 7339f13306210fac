import { SettingsEncryption } from '../src/index.ts';
import { startTestDatabase, type TestDatabase } from '../src/testing/index.ts';
import { builtPackage } from './built-package.ts';
import type { Measured, MeasureOptions } from './measure.ts';
import { barePg } from './peers/bare-pg.ts';
import { bareOnLogged, namedPrisma } from './peers/bare-prisma.ts';
import { fieldEncryption, newFieldKey, sealField } from './peers/field-encryption.ts';
import { installPeers } from './peers/installed.ts';
import { calls, checkWork, measureWork, type Work } from './peers/measure-peers.ts';
import { peers } from './peers/names.ts';
import { type Contender, contender, openOwnAndBare } from './peers/open-peers.ts';
import type { Peer } from './peers/peer.ts';
import { practicalLimit } from './peers/practical-limit.ts';
import { rowLevelSecurity } from './peers/row-level-security.ts';
import { insertPlain, insertSealed, type Row } from './peers/rows.ts';
import { thisPackage, thisPackageByPrisma } from './peers/this-package.ts';
import type { Figure, Report } from './report.ts';

const six = "read one organization's destinations";

/** From here on V8 compiles nothing anew. */
const warmUp = 1_500;

/** How each work is measured, and how much longer than with bare Prisma it may take. */
const plan: readonly (MeasureOptions & { readonly work: Work; readonly atMost: number })[] = [
	{ work: 'read one by id', atMost: 1.15, warmUp, rounds: 16, repeats: 40 },
	{ work: six, atMost: 1.15, warmUp, rounds: 16, repeats: 40 },
	{ work: 'read 1000 rows', atMost: 1.45, warmUp: 40, rounds: 15, repeats: 2 },
	{ work: 'create', atMost: 1.4, warmUp, rounds: 20, repeats: 15 },
	{ work: 'update the name', atMost: 1.4, warmUp, rounds: 20, repeats: 15 },
	{ work: 'update name and settings', atMost: 1.4, warmUp, rounds: 20, repeats: 15 },
];
const busy = { rounds: 9, repeats: 200, inFlight: 16 };
const writes: readonly Work[] = ['create', 'update the name', 'update name and settings'];
const creations = plan
	.filter(({ work }) => work === 'create')
	.reduce((sum, options) => sum + calls(options), 1);

/** The same work by what one would use instead, in one process, on one Postgres, in turn. */
export async function benchPeers(): Promise<Report> {
	await installPeers();
	const { createDestinationsClient } = await builtPackage();
	await using server = await startTestDatabase({ source: 'embedded' });
	// One for each, so that no peer's table has the dead rows of another's writes, and nobody's rows change behind it.
	const { rows, key, keys, ours, bare } = await openOwnAndBare(
		await server.clone(),
		await server.clone(),
		creations,
		createDestinationsClient,
	);
	const sealed = async (open: (database: TestDatabase) => Peer) => {
		const database = await server.clone();
		await insertSealed(database.connectionString, rows, keys);
		return contender(open(database), database, creations);
	};
	const plain = async (
		open: (database: TestDatabase) => Peer,
		store?: (settings: object) => unknown,
	) => {
		const database = await server.clone();
		await insertPlain(database.connectionString, rows, store);
		return contender(open(database), database, creations);
	};
	const fieldKey = newFieldKey();
	const limit = await sealed(({ logins }) => practicalLimit(logins, key));
	const stored = await envelope(rows, keys);
	const logged = await sealed(({ connectionString }) => bareOnLogged(connectionString, stored));
	const unread = await sealed(({ logins }) => ({
		...thisPackage(createDestinationsClient, logins, keys),
		name: peers.unread,
	}));
	const contenders: [Contender, ...Contender[]] = [
		bare,
		ours,
		await sealed(({ logins }) => thisPackageByPrisma(createDestinationsClient, logins, keys)),
		await plain(({ connectionString }) => namedPrisma(connectionString)),
		await plain(({ logins }) => rowLevelSecurity(logins)),
		await plain(
			({ connectionString }) => fieldEncryption(connectionString, fieldKey),
			(settings) => sealField(settings, fieldKey),
		),
		await plain(({ connectionString }) => barePg(connectionString)),
		limit,
	];
	try {
		for (const each of contenders) await checkWork(each, rows);
		const figures: Figure[] = [];
		for (const { work, atMost, ...options } of plan) {
			const others = writes.includes(work) ? [logged] : [];
			if (work === 'update name and settings') others.push(unread);
			const measured = await measureWork(work, [...contenders, ...others], rows, options);
			figures.push(...timeFigures(work, measured, ours.peer, atMost));
		}
		// Last, and so after the writes: every table has as many dead rows by now.
		const measured = await measureWork(six, contenders, rows, busy);
		figures.push(...rateFigures(measured, ours.peer, limit.peer));
		return { title: 'The same work by what one would use instead', figures };
	} finally {
		await Promise.all([...contenders, logged, unread].map(({ peer }) => peer.close()));
	}
}

/** What settings are stored as. */
async function envelope([row]: readonly Row[], keys: string): Promise<object> {
	if (row === undefined) throw new Error('No rows');
	const { id, organizationId, type, settings } = row;
	return new SettingsEncryption(keys).encrypt(settings, {
		organizationId,
		destinationId: id,
		type,
	});
}

function timeFigures(
	work: Work,
	measured: readonly Measured[],
	ours: Peer,
	atMost: number,
): Figure[] {
	return measured.map(({ name, median, ratio, ratioLow, ratioHigh }) => ({
		name: work,
		of: name,
		value: ratio,
		spread: { low: ratioLow, high: ratioHigh },
		unit: '× bare Prisma',
		bound: name === ours.name ? { atMost } : undefined,
		detail: `${median.toFixed(3)} ms; middle half of the ratios ${ratioLow.toFixed(2)} to ${ratioHigh.toFixed(2)}`,
	}));
}

/** Of rates more is better, so the ratios are the other way round. */
function rateFigures(measured: readonly Measured[], ours: Peer, limit: Peer): Figure[] {
	const figure = (
		of: Measured,
		against: Measured,
		unit: string,
		bound: Figure['bound'],
	): Figure => ({
		name: 'reads per second, 16 in flight',
		of: of.name,
		value: against.ratio / of.ratio,
		spread: { low: against.ratio / of.ratioHigh, high: against.ratio / of.ratioLow },
		unit,
		bound,
		detail: `${perSecond(of)} a second against ${perSecond(against)}; one organization's six`,
	});
	const named = (peer: Peer) => measured.find(({ name }) => name === peer.name);
	const [bare] = measured;
	const [own, byHand] = [named(ours), named(limit)];
	if (bare === undefined || own === undefined || byHand === undefined) throw new Error('Nothing');
	return [
		...measured.map((of) =>
			figure(of, bare, '× bare Prisma', of === own ? { atLeast: 0.85 } : undefined),
		),
		figure(own, byHand, '× the practical limit', { atLeast: 0.45 }),
	];
}

const perSecond = ({ median }: Measured) => (1000 / median).toFixed(0);
