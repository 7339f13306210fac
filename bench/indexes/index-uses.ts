import { Client } from 'pg';
import { Actors } from './actors.ts';
import type { Filled, FillKey } from './fill.ts';
import { operations } from './operations.ts';
import { PlanTap } from './plan-tap.ts';
import { accessOf } from './plans.ts';

export interface IndexUse {
	readonly name: string;
	readonly megabytes: number;
	/** Names of the operations whose plans have it. */
	readonly operations: readonly string[];
}

/** Runs every operation once, and finds by the plans which index served which. */
export async function indexUses(
	connectionString: string,
	filled: Filled,
	key: FillKey,
): Promise<IndexUse[]> {
	const users = new Map<string, string[]>();
	{
		await using tap = await PlanTap.open(connectionString);
		await using actors = new Actors(tap.connectionString, filled, key);
		for (const { name, run } of operations) {
			const { indexes } = accessOf(await tap.during(() => run(actors)));
			for (const index of indexes) users.set(index, [...(users.get(index) ?? []), name]);
		}
	}
	const admin = new Client({ connectionString });
	await admin.connect();
	try {
		const { rows } = await admin.query<{ name: string; megabytes: number }>(
			`SELECT indexrelid::regclass::text AS name, pg_relation_size(indexrelid) / 1e6::float8 AS megabytes
			   FROM pg_index WHERE indrelid::regclass::text ~ '^destination(s$|_)' ORDER BY 1`,
		);
		return rows.map((row) => ({ ...row, operations: users.get(row.name) ?? [] }));
	} finally {
		await admin.end();
	}
}
