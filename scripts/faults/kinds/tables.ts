import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import { type Fault, sql } from '../fault.ts';

export const tableFaults: readonly Fault[] = [
	{
		name: 'VACUUM FULL',
		async run(stage) {
			for (const table of ['destinations', 'destination_audit_log']) {
				await sql(stage, `VACUUM FULL public.${table}`);
			}
			return undefined;
		},
	},
	{
		name: 'ALTER TABLE that rewrites',
		async run(stage) {
			// The default is another for each row, so that none can be kept as it is.
			await sql(
				stage,
				'ALTER TABLE public.destinations ADD COLUMN rewritten double precision DEFAULT random()',
			);
			await delay(300);
			await sql(stage, 'ALTER TABLE public.destinations DROP COLUMN rewritten');
			return undefined;
		},
	},
	{
		name: 'a lock on the table for a second',
		async run({ connectionString }) {
			const client = new Client({ connectionString });
			await client.connect();
			await client.query('BEGIN; LOCK TABLE public.destinations IN ACCESS EXCLUSIVE MODE');
			await delay(1000);
			await client.query('ROLLBACK');
			await client.end();
			return undefined;
		},
	},
];
