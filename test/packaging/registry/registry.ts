import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { end, freePort } from '../../support/daemon.ts';
import { registryTools } from './tools.ts';

/** A running registry, and what npm needs to use it. */
export interface Registry {
	readonly url: string;
	/** Variables under which npm is logged in as a user who may publish. */
	readonly login: Record<string, string>;
	/** Variables under which it takes the packages of this scope from here, too. */
	readonly environment: Record<string, string>;
	stop(): Promise<void>;
}

/**
 * Starts a private registry in a folder. It has the packages of this project's scope, for users alone, and no
 * others: npm takes those from the registry that it is configured with, as docs/guides/service.md has it.
 */
export async function startRegistry(folder: string): Promise<Registry> {
	const tools = await registryTools();
	const port = await freePort();
	const url = `http://127.0.0.1:${port}`;
	await mkdir(folder, { recursive: true });
	const config = join(folder, 'config.json');
	await writeFile(config, JSON.stringify(configuration(folder)));
	const verdaccio = start(tools, ['--config', config, '--listen', url]);
	const stop = () => end(verdaccio, 'SIGTERM');
	try {
		await answering(url, verdaccio);
		// Nothing of the user's own configuration is taken away: it may be what reaches all other packages.
		const login = { [`npm_config_//127.0.0.1:${port}/:_authToken`]: await newUser(url) };
		return {
			url,
			login,
			environment: { ...login, 'npm_config_@consent-io:registry': `${url}/` },
			stop,
		};
	} catch (error) {
		await stop();
		throw error;
	}
}

function configuration(folder: string): object {
	const users = { access: '$authenticated', publish: '$authenticated' };
	return {
		storage: join(folder, 'storage'),
		auth: { htpasswd: { file: join(folder, 'htpasswd') } },
		packages: { '@consent-io/*': users },
		log: { type: 'stdout', format: 'json', level: 'warn' },
	};
}

/** Ends with standard input, so that it does not outlive tests that are killed. */
const endsWithInput = `data:text/javascript,${encodeURIComponent(
	"process.stdin.resume().on('close', () => process.exit())",
)}`;

function start(tools: string, args: readonly string[]): ChildProcess {
	const node = join(tools, 'node_modules/node/bin/node');
	const verdaccio = join(tools, 'node_modules/verdaccio/bin/verdaccio');
	return spawn(node, ['--import', endsWithInput, verdaccio, ...args], {
		stdio: ['pipe', 'ignore', 'ignore'],
	});
}

async function answering(url: string, verdaccio: ChildProcess): Promise<void> {
	for (const deadline = Date.now() + 60_000; Date.now() < deadline; await sleep(100)) {
		if (verdaccio.exitCode !== null) break;
		const response = await fetch(`${url}/-/ping`).catch(() => undefined);
		if (response?.ok) return;
	}
	throw new Error('verdaccio did not start');
}

/** By the call that `npm adduser` makes. */
async function newUser(url: string): Promise<string> {
	const name = 'publisher';
	const response = await fetch(`${url}/-/user/org.couchdb.user:${name}`, {
		method: 'PUT',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify({ name, password: randomBytes(12).toString('hex') }),
	});
	const { token } = Object(await response.json());
	if (typeof token !== 'string') throw new Error(`verdaccio made no user: HTTP ${response.status}`);
	return token;
}
