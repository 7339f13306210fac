import { setTimeout as delay } from 'node:timers/promises';
import { acceptsConnections, type Fault, type Stage, sql } from '../fault.ts';
import { kill } from '../server.ts';

/** The backends of the load. */
async function backends(stage: Stage): Promise<number[]> {
	const rows = await sql<{ pid: number }>(
		stage,
		'SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
	);
	return rows.map(({ pid }) => pid);
}

export const serverFaults: readonly Fault[] = [
	{
		name: 'pg_terminate_backend',
		async run(stage) {
			let killed = 0;
			for (let round = 0; round < 10; round += 1) {
				const pids = await backends(stage);
				await sql(stage, 'SELECT pg_terminate_backend(pid) FROM unnest($1::integer[]) AS pid', [
					pids,
				]);
				killed += pids.length;
				await delay(100);
			}
			return `${killed} backends`;
		},
	},
	{
		name: 'pg_cancel_backend',
		async run(stage) {
			for (let round = 0; round < 20; round += 1) {
				await sql(
					stage,
					'SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
				);
				await delay(50);
			}
			return undefined;
		},
	},
	{
		name: 'kill -9 of a backend',
		async run(stage) {
			const [pid] = await backends(stage);
			if (pid !== undefined) kill(pid, 'SIGKILL');
			await acceptsConnections(stage);
			return undefined;
		},
	},
	{
		name: 'kill -9 of the postmaster',
		async run({ server }) {
			await server.restartAfter('SIGKILL');
			return undefined;
		},
	},
	{
		name: 'immediate shutdown',
		async run({ server }) {
			await server.restartAfter('SIGQUIT');
			return undefined;
		},
	},
	{
		name: 'fast shutdown, and a second away',
		async run({ server }) {
			server.signal('SIGINT');
			await delay(1000);
			await server.restartAfter('SIGINT');
			return undefined;
		},
	},
	{
		name: 'SIGSTOP of the server',
		async run(stage) {
			const processes = await sql<{ pid: number }>(
				stage,
				'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
			);
			stage.server.freeze(processes.map(({ pid }) => pid));
			await delay(2500);
			stage.server.thaw();
			return undefined;
		},
	},
];
