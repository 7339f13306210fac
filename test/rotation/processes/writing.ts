/** A process that updates, deletes, restores and creates destinations until it is told to stop. */
import { randomBytes, randomInt } from 'node:crypto';
import { createDestinationsClient } from '../../../src/index.ts';

export interface Row {
	readonly id: string;
	readonly organizationId: string;
}

/** What a user wrote last, and was told that it was written. */
export interface Expected {
	apiKey?: string;
	deleted: boolean;
}

export interface WritingOrders {
	readonly connectionString: string;
	readonly keys: string;
	/** Rows that nobody else writes. */
	readonly rows: Row[];
	/** Organizations without destinations. */
	readonly organizations: string[];
}

let stopping = false;

async function write({ connectionString, keys, rows, organizations }: WritingOrders) {
	const db = createDestinationsClient({ connectionString, keys });
	const expected: Record<string, Expected> = {};
	const newKey = () => `phc_${randomBytes(21).toString('hex')}`;
	while (!stopping) {
		const place = randomInt(10) === 0 ? organizations.pop() : undefined;
		if (place !== undefined) {
			const apiKey = newKey();
			const made = await db.forOrganization(place).destinations.create({
				organizationId: place,
				type: 'posthog',
				name: 'made meanwhile',
				settings: { apiKey },
			});
			expected[made.id] = { apiKey, deleted: false };
			continue;
		}
		const row = rows[randomInt(rows.length)];
		if (row === undefined) throw new Error('no rows were given');
		const { destinations } = db.forOrganization(row.organizationId);
		const known = expected[row.id] ?? { deleted: false };
		expected[row.id] = known;
		if (known.deleted) {
			await destinations.restore(row.id);
			known.deleted = false;
		} else if (randomInt(4) === 0) {
			await destinations.softDelete(row.id);
			known.deleted = true;
		} else if (randomInt(2) === 0) {
			const apiKey = newKey();
			await destinations.patchSettings(row.id, { apiKey });
			known.apiKey = apiKey;
		} else {
			await destinations.update(row.id, { name: `renamed ${randomInt(1000)}` });
		}
	}
	await db.close();
	return expected;
}

process.on('message', (message: WritingOrders | 'stop') => {
	if (message === 'stop') {
		stopping = true;
		return;
	}
	write(message).then(
		(expected) => process.send?.({ expected }, () => process.exit()),
		(error) => process.send?.({ error: String(error) }, () => process.exit(1)),
	);
});
process.send?.({ ready: true });
