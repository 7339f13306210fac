import { setTimeout as delay } from 'node:timers/promises';
import { Client } from 'pg';
import type { Load } from './load.ts';
import type { Server } from './server.ts';
import type { WeatherProxy } from './weather-proxy.ts';

/** What faults are done to. */
export interface Stage {
	readonly server: Server;
	readonly proxy: WeatherProxy;
	readonly load: Load;
	/** URL of the database, as a superuser, not by way of the proxy. */
	readonly connectionString: string;
	readonly logins: {
		readonly connectionString: string;
		readonly serviceConnectionString: string;
		readonly loaderConnectionString: string;
	};
	readonly keys: string;
	/** A bundle of `processes/job.ts`. */
	readonly job: string;
	/** The file that says how wrong clocks are; where there is no libfaketime, undefined. */
	readonly clock: string | undefined;
}

/** Something that goes wrong, and then is right again. */
export interface Fault {
	readonly name: string;
	/**
	 * Does it, and ends it. What it returns is printed.
	 *
	 * @throws {@link Untried} where this machine has no means for it, and whatever is wrong with what it did.
	 */
	run(stage: Stage): Promise<string | undefined>;
	/** How long nobody may be answered after its end, in milliseconds. @defaultValue 500 */
	readonly recoverWithin?: number;
}

/** Why a fault cannot be tried here. */
export class Untried extends Error {}

/** Runs SQL as a superuser. */
export async function sql<Row extends object>(
	{ connectionString }: Pick<Stage, 'connectionString'>,
	...[text, values]: [text: string, values?: unknown[]]
): Promise<Row[]> {
	const admin = new Client({ connectionString });
	// A server that ends meanwhile fails the query, too.
	admin.on('error', () => {});
	await admin.connect();
	try {
		return (await admin.query<Row>(text, values)).rows;
	} finally {
		await admin.end().catch(() => {});
	}
}

/** Waits for the end of Postgres's own recovery. */
export async function acceptsConnections(stage: Stage): Promise<void> {
	for (let attempt = 1; ; attempt += 1) {
		try {
			await sql(stage, 'SELECT 1');
			return;
		} catch (error) {
			if (attempt === 500) throw error;
			await stage.server.ensureRunning();
			await delay(20);
		}
	}
}
