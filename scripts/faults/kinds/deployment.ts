import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { diagnose } from '../../../src/doctor/diagnose.ts';
import { withDatabase } from '../../../src/testing/databases.ts';
import { type Stage, sql } from '../fault.ts';

const cli = createRequire(import.meta.url).resolve('prisma/build/index.js');

/** How often the guide's table of errors is followed before it counts as no way out. */
const attempts = 6;

/** Kills a deployment of the migrations at some moment, and goes on as `docs/guides/migrate.md` says. */
export async function killedDeployment(stage: Stage): Promise<string> {
	const name = `deployed_${randomBytes(4).toString('hex')}`;
	await sql(stage, `CREATE DATABASE ${name}`);
	const connectionString = withDatabase(stage.connectionString, name);
	try {
		const killed = await kill(connectionString);
		const ways: string[] = [];
		for (let attempt = 1; ; attempt += 1) {
			const said = await migrate(connectionString, ['deploy']);
			if (said.status === 0) break;
			if (attempt === attempts) throw new Error(`the deployment does not go on: ${said.text}`);
			ways.push(await resolve(connectionString, said.text));
		}
		const sections = await diagnose({ connectionString });
		const failures = sections
			.filter((section) => section.name === 'migrations' || section.name === 'schema')
			.flatMap((section) => section.findings)
			.filter(({ severity }) => severity === 'failure');
		if (failures.length > 0) throw new Error(failures.map(({ message }) => message).join('; '));
		return [killed, ...ways].join(', ');
	} finally {
		await sql(stage, `DROP DATABASE ${name} WITH (FORCE)`);
	}
}

/** Kills it once it has begun to write, where it has not ended before. */
async function kill(connectionString: string): Promise<string> {
	const child = start(connectionString, ['deploy']);
	const exited = once(child, 'exit');
	const begun = async () => {
		const [row] = await sql<{ begun: boolean }>(
			{ connectionString },
			"SELECT to_regclass('public._prisma_migrations') IS NOT NULL AS begun",
		);
		return row?.begun === true;
	};
	while (child.exitCode === null && !(await begun())) await delay(10);
	await delay(Math.random() * 400);
	// With the engine, which is a process of its own.
	if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, 'SIGKILL');
	const [, signal] = await exited;
	return signal === 'SIGKILL' ? 'killed' : 'not killed before the end';
}

/** What the guide says to do after P3009 and P3018. */
async function resolve(connectionString: string, said: string): Promise<string> {
	const [, migration] = /(?:`|Migration name: )(\d{14}_\w+)/.exec(said) ?? [];
	if (!/P3009|P3018/.test(said) || migration === undefined) throw new Error(said);
	// It had run, and Prisma did not hear of it.
	const option = /already exists|42P0[67]|42710/.test(said) ? '--applied' : '--rolled-back';
	const resolved = await migrate(connectionString, ['resolve', option, migration]);
	if (resolved.status !== 0) throw new Error(resolved.text);
	return `resolved as ${option.slice(2)}`;
}

async function migrate(connectionString: string, args: readonly string[]) {
	const child = start(connectionString, args);
	const exited = once(child, 'exit');
	const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
	const [status] = await exited;
	return { status, text: stdout + stderr };
}

function start(connectionString: string, args: readonly string[]) {
	return spawn(process.execPath, [cli, 'migrate', ...args], {
		// A group of its own, so that all of it can be killed.
		detached: true,
		env: { ...process.env, DATABASE_URL: connectionString },
	});
}
