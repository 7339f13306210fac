import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makePages, type Page } from './pages.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));

interface Site {
	readonly folder: string;
	readonly pages: readonly Page[];
	readonly seconds: number;
}

/** Builds the site, and installs what it is built with if that is missing. A link that leads nowhere fails it. */
export async function buildSite(): Promise<Site> {
	const started = performance.now();
	const site = join(root, 'site');
	if (!existsSync(join(site, 'node_modules/vitepress/package.json'))) {
		await run('npm', ['ci', '--no-audit', '--no-fund', '--ignore-scripts'], site);
	}
	const pages = await makePages(root, join(site, 'pages'));
	await run(process.execPath, ['node_modules/vitepress/bin/vitepress.js', 'build', '.'], site);
	return { folder: join(site, 'dist'), pages, seconds: (performance.now() - started) / 1000 };
}

async function run(command: string, args: readonly string[], cwd: string): Promise<void> {
	const child = spawn(command, args, {
		cwd,
		stdio: ['ignore', 'inherit', 'inherit'],
		shell: process.platform === 'win32' && command === 'npm',
	});
	const [status] = await once(child, 'close');
	if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}`);
}
