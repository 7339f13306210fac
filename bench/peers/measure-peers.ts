import { deepStrictEqual } from 'node:assert';
import { type Measured, type MeasureOptions, measure, type Variant } from '../measure.ts';
import type { Contender } from './open-peers.ts';
import { type Change, type Read, thousand } from './peer.ts';
import type { Row } from './rows.ts';

const works = [
	'read one by id',
	"read one organization's destinations",
	'read 1000 rows',
	'create',
	'update the name',
	'update name and settings',
] as const;
export type Work = (typeof works)[number];

/** How often {@link measure} calls a variant. */
export function calls({ rounds, repeats, warmUp = 2 * repeats }: MeasureOptions): number {
	return warmUp + rounds * repeats;
}

/** Measures the same work of all of them, in turn; the first is what the others are compared with. */
export function measureWork(
	work: Work,
	contenders: readonly [Contender, ...Contender[]],
	rows: readonly Row[],
	options: MeasureOptions,
): Promise<Measured[]> {
	const [first, ...others] = contenders;
	const variant = (contender: Contender): Variant => ({
		name: contender.peer.name,
		run: worker(work, contender, rows),
	});
	return measure([variant(first), ...others.map(variant)], options);
}

/** Does the work once a call, each time with another row. */
export function worker(
	work: Work,
	{ peer, places }: Contender,
	rows: readonly Row[],
): () => Promise<unknown> {
	let turn = 0;
	const next = (): Row => {
		// Far from the one before.
		turn += 389;
		const row = rows[turn % rows.length];
		if (row === undefined) throw new Error('No rows');
		return row;
	};
	const settings = rows.find(({ type }) => type === 'posthog')?.settings ?? {};
	switch (work) {
		case 'read one by id':
			return () => {
				const { organizationId, id } = next();
				return peer.readById(organizationId, id);
			};
		case "read one organization's destinations":
			return () => peer.readOrganization(next().organizationId);
		case 'read 1000 rows':
			return () => peer.readThousand();
		case 'create':
			return () => {
				const place = places.pop();
				if (place === undefined) throw new Error('No places are left');
				return peer.create(place, settings);
			};
		case 'update the name':
			return () => peer.rename(changed(next(), turn));
		case 'update name and settings':
			return () => peer.replace(changed(next(), turn));
	}
}

/** Another name, and another value in the first of the settings, if that is a key or an id: its end may be digits. */
function changed({ id, organizationId, type, settings }: Row, turn: number): Change {
	const [first] = Object.entries(settings);
	const another =
		typeof first?.[1] === 'string' && first[1].length >= 10
			? { [first[0]]: first[1].slice(0, -8) + String(turn % 1e8).padStart(8, '0') }
			: {};
	return { id, organizationId, type, name: `bench ${turn}`, settings: { ...settings, ...another } };
}

/** Peers that do less than they say would be fast for nothing. */
export async function checkWork(contender: Contender, rows: readonly Row[]): Promise<void> {
	const { peer, places } = contender;
	const [row] = rows;
	const organizationId = places.pop();
	if (row === undefined || organizationId === undefined) throw new Error('Nothing to read');
	const seen = (read: Read | null) => ({
		id: read?.id,
		settings: read?.settings,
		isDate: read?.createdAt instanceof Date,
	});
	const expected = ({ id, settings }: Pick<Row, 'id' | 'settings'>) =>
		({ id, settings, isDate: true }) as const;
	const byId = (a: { id?: unknown }, b: { id?: unknown }) => (String(a.id) < String(b.id) ? -1 : 1);

	deepStrictEqual(seen(await peer.readById(row.organizationId, row.id)), expected(row));
	deepStrictEqual(
		(await peer.readOrganization(row.organizationId)).map(seen).sort(byId),
		rows
			.filter((other) => other.organizationId === row.organizationId)
			.map(expected)
			.sort(byId),
	);
	const settingsOf = new Map(rows.map(({ id, settings }) => [id, settings]));
	const many = await peer.readThousand();
	deepStrictEqual(many.length, thousand);
	for (const read of many) {
		// Another peer may have made one of its own in the same table.
		const settings = settingsOf.get(read.id);
		if (settings !== undefined) deepStrictEqual(read.settings, settings);
	}
	const made = await peer.create(organizationId, row.settings);
	deepStrictEqual((await peer.readById(organizationId, made.id))?.settings, row.settings);
	const change = changed({ ...row, id: made.id, organizationId }, 1);
	await peer.rename({ ...change, name: 'renamed' });
	deepStrictEqual((await peer.readById(organizationId, made.id))?.name, 'renamed');
	await peer.replace(change);
	const replaced = await peer.readById(organizationId, made.id);
	deepStrictEqual([replaced?.name, replaced?.settings], [change.name, change.settings]);
}
