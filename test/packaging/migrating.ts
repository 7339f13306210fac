import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from 'pg';
import { HostDatabase } from '../database/migrations.ts';
import { type Ended, succeed } from './command.ts';
import { linkPackages } from './linked-packages.ts';
import { madeOnce } from './made-once.ts';
import type { Service } from './service.ts';

/** No way to Prisma's host, and no engine that was downloaded before: all of it works without the network. */
export const offline = {
	PRISMA_ENGINES_MIRROR: 'http://127.0.0.1:1',
	HTTPS_PROXY: 'http://127.0.0.1:1',
	XDG_CACHE_HOME: '/nonexistent',
};

/** Does some work on a database that the migrations have not seen. */
export async function onHost(
	setup: string,
	work: (host: HostDatabase) => Promise<void>,
): Promise<void> {
	const host = await HostDatabase.open(setup);
	try {
		await work(host);
	} finally {
		await host.close();
	}
}

/** `npx prisma …`, with the URL of the database as a service has it. */
export async function prisma(at: Service, url: string, command: string): Promise<Ended> {
	return at.run(`prisma ${command}`, { environment: { DATABASE_URL: url } });
}

/** Runs commands one after the other; each has to succeed and print that. */
export async function expectDone(
	at: Service,
	{ connectionString }: { readonly connectionString: string },
	commands: Record<string, string>,
): Promise<void> {
	for (const [command, printed] of Object.entries(commands)) {
		const { status, output } = await prisma(at, connectionString, command.trim());
		expect([command, output]).toEqual([command, expect.stringContaining(printed)]);
		expect([command, status]).toEqual([command, 0]);
	}
}

/** The newest command that was tried; the oldest is the project's own. */
const newest = '7.10.1';

/** The file of {@link newest} that Node runs, in a folder of its own, where `npx` would have put it. */
export async function newestPrisma(): Promise<string> {
	const folder = await madeOnce('prisma', newest, async (unfinished) => {
		await writeFile(
			join(unfinished, 'package.json'),
			JSON.stringify({ allowScripts: { prisma: false, '@prisma/engines': false } }),
		);
		// Most of what it needs is the same for each version.
		await linkPackages(['prisma'], unfinished);
		const install = ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund'] as const;
		await succeed([...install, '--ignore-scripts', `prisma@${newest}`], { cwd: unfinished });
	});
	return join(folder, 'node_modules/prisma/build/index.js');
}

export const applied = 'successfully applied';
export const nothingToDo = 'No pending migrations';
export const upToDate = 'Database schema is up to date';

export const own = [
	'public.destination_audit_log',
	'public.destination_data_keys',
	'public.destination_settings_history',
	'public.destinations',
];

export async function tables(client: Client): Promise<string[]> {
	const { rows } = await client.query<{ name: string }>(
		`SELECT relnamespace::regnamespace || '.' || relname AS name FROM pg_class
		 WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)' ORDER BY 1`,
	);
	return rows.map(({ name }) => name);
}

let count = 0;
export const newName = () => `packaging_${process.pid}_${Date.now()}_${++count}`;

export async function createLogin(host: HostDatabase, attributes = '') {
	const name = await host.createRole(`${newName()}`, `LOGIN PASSWORD 'p' ${attributes}`);
	const url = new URL(host.connectionString);
	url.username = name;
	url.password = 'p';
	return { name, connectionString: url.href };
}
