import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, chromium, type Page } from 'playwright-core';
import { root } from '../packaging/made-once.ts';
import { Service } from '../packaging/service.ts';
import { testServer } from '../support/database.ts';

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

/** examples/admin with the packed package installed, served, and open in a browser. */
export class AdminPage implements AsyncDisposable {
	readonly page: Page;
	readonly url: string;
	readonly service: Service;
	readonly #browser: Browser;
	readonly #server: ChildProcess;

	private constructor(
		service: Service,
		url: string,
		...[server, browser, page]: [ChildProcess, Browser, Page]
	) {
		this.service = service;
		this.url = url;
		this.#server = server;
		this.#browser = browser;
		this.page = page;
	}

	static async open(): Promise<AdminPage> {
		const service = await Service.create({ type: 'module' });
		for (const part of ['src', 'page', 'tsconfig.json']) {
			await cp(join(root, 'examples/admin', part), join(service.folder, part), {
				recursive: true,
			});
		}
		const { server, url } = await serve(service.folder);
		const browser = await chromium.launch({
			...(executable !== undefined && { executablePath: executable }),
			args: process.getuid?.() === 0 ? ['--no-sandbox', ...quiet] : quiet,
		});
		const page = await browser.newPage({ viewport: { width: 1000, height: 900 } });
		page.setDefaultTimeout(60_000);
		await page.goto(url);
		return new AdminPage(service, url, server, browser, page);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await this.#browser.close();
		this.#server.kill();
		if (this.#server.exitCode === null) await once(this.#server, 'exit');
		await this.service.remove();
	}
}

async function serve(folder: string): Promise<{ server: ChildProcess; url: string }> {
	const server = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
		cwd: folder,
		env: {
			...process.env,
			PORT: '0',
			TEST_POSTGRES: testServer().connectionString,
			NODE_OPTIONS: '',
		},
		stdio: ['ignore', 'pipe', 'inherit'],
	});
	for await (const line of createInterface({ input: server.stdout })) {
		if (line.startsWith('http://')) return { server, url: line };
	}
	throw new Error('examples/admin did not start');
}
