import { SettingsEncryption } from '../src/index.ts';
import { startTestDatabase } from '../src/testing/index.ts';
import { builtPackage } from './built-package.ts';
import type { Measured, MeasureOptions } from './measure.ts';
import { barePg } from './peers/bare-pg.ts';
import { bareOnLogged, namedPrisma } from './peers/bare-prisma.ts';
import { fieldEncryption, newFieldKey, sealField } from './peers/field-encryption.ts';
import { installPeers } from './peers/installed.ts';
import { calls, checkWork, measureWork, type Work } from './peers/measure-peers.ts';
import { type Contender, contender, openOwnAndBare } from './peers/open-peers.ts';
import type { Peer } from './peers/peer.ts';
import { practicalLimit } from './peers/practical-limit.ts';
import { rowLevelSecurity } from './peers/row-level-security.ts';
import { insertPlain, insertSealed, type Row } from './peers/rows.ts';
import { thisPackageByPrisma } from './peers/this-package.ts';
import type { Figure, Report } from './report.ts';

const six = "read one organization's destinations";

/** How each work is measured, and how much longer than with bare Prisma it may take. */
const plan: readonly (MeasureOptions & { readonly work: Work; readonly atMost: number })[] = [
	{ work: 'read one by id', atMost: 1.15, rounds: 20, repeats: 40 },
	{ work: six, atMost: 1.15, rounds: 20, repeats: 40 },
	{ work: 'read 1000 rows', atMost: 1.45, rounds: 15, repeats: 2 },
	{ work: 'create', atMost: 1.4, rounds: 20, repeats: 15 },
	{ work: 'update the name', atMost: 1.4, rounds: 20, repeats: 15 },
	{ work: 'update name and settings', atMost: 1.4, rounds: 20, repeats: 15 },
];
const busy = { rounds: 11, repeats: 200, inFlight: 16 };
const writes: readonly Work[] = ['create', 'update the name', 'update name and settings'];
const creations = plan
	.filter(({ work }) => work === 'create')
	.reduce((sum, options) => sum + calls(options), 1);

/** The same work by what one would use instead, in one process, on one Postgres, in turn. */
export async function benchPeers(): Promise<Report> {
	await installPeers();
	const { createDestinationsClient } = await builtPackage();
	await using sealed = await startTestDatabase({ source: 'embedded' });
	await using plain = await sealed.clone();
	await using fields = await sealed.clone();
	await using loggedRows = await sealed.clone();
	const { rows, key, keys, ours, bare } = await openOwnAndBare(
		sealed,
		plain,
		creations,
		createDestinationsClient,
	);
	const fieldKey = newFieldKey();
	await insertPlain(fields.connectionString, rows, (settings) => sealField(settings, fieldKey));
	const limit = await contender(practicalLimit(sealed.logins, key), sealed, creations);
	// With rows of its own, because what it stores opens nowhere.
	await insertSealed(loggedRows.connectionString, rows, keys);
	const logged = await contender(
		bareOnLogged(loggedRows.connectionString, await envelope(rows, keys)),
		loggedRows,
		creations,
	);
	const contenders: [Contender, ...Contender[]] = [
		bare,
		ours,
		await contender(
			thisPackageByPrisma(createDestinationsClient, sealed.logins, keys),
			sealed,
			creations,
		),
		await contender(namedPrisma(plain.connectionString), plain, creations),
		await contender(rowLevelSecurity(plain.logins), plain, creations),
		await contender(fieldEncryption(fields.connectionString, fieldKey), fields, creations),
		await contender(barePg(plain.connectionString), plain, creations),
		limit,
	];
	try {
		for (const each of contenders) await checkWork(each, rows);
		const figures: Figure[] = [];
		for (const { work, atMost, ...options } of plan) {
			const others = writes.includes(work) ? [logged] : [];
			const measured = await measureWork(work, [...contenders, ...others], rows, options);
			figures.push(...timeFigures(work, measured, ours.peer, atMost));
		}
		// Last, and so after the writes: every table has as many dead rows by now.
		const measured = await measureWork(six, contenders, rows, busy);
		figures.push(...rateFigures(measured, ours.peer, limit.peer));
		return { title: 'The same work by what one would use instead', figures };
	} finally {
		await Promise.all([...contenders, logged].map(({ peer }) => peer.close()));
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
