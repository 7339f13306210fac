import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const cache = join(root, 'node_modules/.cache/destinations/hosts');

/** What all hosts share: the tarball, a database, and tools that are installed by npm. */
export interface Surroundings {
	readonly tarball: string;
	readonly environment: Readonly<Record<string, string>>;
	/** What `list()` has for the organization of the database that has something. */
	readonly expected: readonly string[];
	/** Folder of the tools' commands. */
	readonly tools: string;
}

/** A service of a team's, in a folder of its own outside this project. */
export class Host {
	readonly folder: string;
	readonly #surroundings: Surroundings;

	/** @param files names of files in `test/hosts/frameworks`, or their contents by name. */
	constructor(name: string, surroundings: Surroundings, files: Readonly<Record<string, string>>) {
		this.folder = join(surroundings.tarball, '..', 'hosts', name);
		this.#surroundings = surroundings;
		rmSync(this.folder, { recursive: true, force: true });
		mkdirSync(this.folder, { recursive: true });
		for (const [file, text] of Object.entries(files)) this.write(file, text);
	}

	/** Takes a project of `test/hosts/frameworks`, and adds the package to what it depends on. */
	static of(project: string, surroundings: Surroundings): Host {
		const host = new Host(project, surroundings, {});
		cpSync(join(root, 'test/hosts/frameworks', project), host.folder, { recursive: true });
		const manifest = JSON.parse(readFileSync(join(host.folder, 'package.json'), 'utf8'));
		manifest.dependencies['@consent-io/destinations'] = `file:${surroundings.tarball}`;
		host.write('package.json', JSON.stringify(manifest));
		return host;
	}

	write(file: string, text: string): void {
		const path = join(this.folder, file);
		mkdirSync(dirname(path), { recursive: true });
		writeFileSync(path, text);
	}

	remove(file: string): void {
		rmSync(join(this.folder, file), { recursive: true, force: true });
	}

	/** Runs a command to its end. @throws with all that it printed where it fails. */
	run(command: string, environment: Readonly<Record<string, string>> = {}): string {
		const ended = this.#spawn(command, environment);
		if (ended.status !== 0) throw new Error(`${command}\n${ended.stdout}${ended.stderr}`);
		return ended.stdout;
	}

	/** Runs a command that must fail, and returns what it printed. */
	fail(command: string): string {
		const ended = this.#spawn(command, {});
		if (ended.status === 0) throw new Error(`${command} did not fail:\n${ended.stdout}`);
		return ended.stdout + ended.stderr;
	}

	#spawn(command: string, environment: Readonly<Record<string, string>>) {
		return spawnSync(command, {
			cwd: this.folder,
			env: { ...this.#environment(), ...environment },
			shell: true,
			encoding: 'utf8',
			maxBuffer: 64 * 1024 * 1024,
			timeout: 600_000,
		});
	}

	#environment(): Record<string, string> {
		const { environment, tools } = this.#surroundings;
		const own = Object.entries(process.env).filter(
			([name]) => !/^(npm_|NODE_(ENV|OPTIONS|PATH)$|DATABASE|DESTINA|INIT_CWD)/i.test(name),
		);
		return {
			...Object.fromEntries(own.map(([name, value]) => [name, value ?? ''])),
			...environment,
			PATH: [join(this.folder, 'node_modules/.bin'), tools, process.env.PATH].join(delimiter),
			CI: '1',
			NEXT_TELEMETRY_DISABLED: '1',
		};
	}

	/** Starts a server and asks it as three organizations: one that has something, another, and one that is none. */
	async serve(command: string): Promise<void> {
		const port = await freePort();
		const child = spawn(command, {
			cwd: this.folder,
			env: { ...this.#environment(), PORT: String(port) },
			shell: true,
			detached: true,
			stdio: ['ignore', 'pipe', 'pipe'],
		});
		let output = '';
		for (const stream of [child.stdout, child.stderr]) {
			stream.on('data', (part) => {
				output += part;
			});
		}
		const ask = async (organization: string) => {
			const headers = { 'x-organization': organization };
			for (let attempt = 0; attempt < 600; attempt += 1) {
				const response = await fetch(`http://localhost:${port}/destinations`, { headers }).catch(
					() => undefined,
				);
				const text = await response?.text();
				if (response !== undefined && text !== undefined) {
					if (!/^[[{]/.test(text)) throw new Error(`${text}\n${output}`);
					return [response.status, namesIn(JSON.parse(text))] as const;
				}
				if (child.exitCode !== null) break;
				await sleep(100);
			}
			throw new Error(`The server does not answer:\n${output}`);
		};
		const { environment, expected } = this.#surroundings;
		try {
			const answers = [
				await ask(environment.ORGANIZATION_ID ?? ''),
				await ask(environment.OTHER_ORGANIZATION_ID ?? ''),
			];
			const [status] = await ask('nobody');
			const wanted = JSON.stringify([[200, expected], [200, []], 400]);
			const got = JSON.stringify([...answers, status]);
			if (got !== wanted) throw new Error(`${got} instead of ${wanted}\n${output}`);
		} finally {
			await end(child);
		}
	}
}

/** Names of the destinations that a server returns: as a list, or in tRPC's envelope. */
function namesIn(body: { result?: { data?: unknown } } | unknown[]): unknown[] {
	const list = Array.isArray(body) ? body : body.result?.data;
	return Array.isArray(list) ? list.map(({ name }) => name) : [];
}

/** Ends a process that was started here, with the shell that it runs in. */
async function end(child: ReturnType<typeof spawn>): Promise<void> {
	const { pid } = child;
	if (pid === undefined || child.exitCode !== null) return;
	const gone = new Promise((resolve) => child.once('exit', resolve));
	process.kill(-pid, 'SIGTERM');
	const inTime = await Promise.race([gone.then(() => true), sleep(15_000).then(() => false)]);
	if (inTime) return;
	process.kill(-pid, 'SIGKILL');
	throw new Error('The server did not end within 15 seconds of SIGTERM');
}

function freePort(): Promise<number> {
	return new Promise((resolve) => {
		const server = createServer().listen(0, () => {
			const address = server.address();
			const port = typeof address === 'object' && address !== null ? address.port : 0;
			server.close(() => resolve(port));
		});
	});
}
