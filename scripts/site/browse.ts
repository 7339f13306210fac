/**
 * Opens every page of the built site in Chromium, in light and dark, wide and on a phone: nothing in the console, no
 * request to elsewhere, no broken link, no violation that axe knows, and a search that finds what newcomers look for.
 * `npm run test:site`; with `--screenshots FOLDER` it keeps pictures to look at, and with `--built` it builds nothing.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BrowserContext, chromium, type Page } from 'playwright-core';
import { addresses } from '../docs/addresses.ts';
import { buildSite, root } from './build-site.ts';
import { pagesOf } from './pages.ts';
import { searches } from './searches.ts';
import { serve } from './serve.ts';

const { screenshots, built } = parseArgs({
	options: { screenshots: { type: 'string' }, built: { type: 'boolean' } },
}).values;

/** Debian's Chromium; others by their path. */
const executablePath = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/google-chrome'].find(
	(path) => path !== undefined && existsSync(path),
);

const problems: string[] = [];
if (executablePath === undefined) {
	process.stderr.write(
		'Not tried, because there is no Chromium: the site. `apt-get install chromium`, or name one in CHROMIUM.\n',
	);
} else {
	if (!built) await buildSite();
	await browse(executablePath);
	for (const problem of problems) process.stderr.write(`${problem}\n`);
	process.stdout.write(
		problems.length === 0
			? 'Every page is as it should be.\n'
			: `${problems.length} problems, see above.\n`,
	);
	if (problems.length > 0) process.exitCode = 1;
}

async function browse(executablePath: string): Promise<void> {
	const base = new URL(addresses.homepage).pathname;
	const { server, url } = await serve(join(root, 'site/dist'), base);
	const browser = await chromium.launch({
		executablePath,
		args: [
			...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
			...['--disable-background-networking', '--disable-component-update', '--disable-gpu'],
		],
	});
	try {
		const wide = await browser.newContext({
			viewport: { width: 1440, height: 900 },
			colorScheme: 'light',
			reducedMotion: 'reduce',
		});
		const phone = await browser.newContext({
			viewport: { width: 390, height: 844 },
			colorScheme: 'dark',
			reducedMotion: 'reduce',
		});
		const visits = [
			await watched(wide, url, 'light, wide'),
			await watched(phone, url, 'dark, phone'),
		];
		const known = new Map<string, Set<string>>();
		const links: { from: string; to: string }[] = [];
		for (const { path } of pagesOf(root)) {
			const name = path.replace(/\.md$/, '.html');
			for (const { page, look } of visits) await look(name, known, links, page);
		}
		for (const { from, to } of links) {
			const { origin, pathname, hash } = new URL(to);
			if (origin !== new URL(url).origin) continue;
			const name = pathname.slice(base.length).replace(/(^|\/)$/, '$1index.html');
			const ids = known.get(name);
			if (ids === undefined) problems.push(`${from}: ${pathname} is not a page`);
			else if (hash.length > 1 && !ids.has(decodeURIComponent(hash.slice(1)))) {
				problems.push(`${from}: ${pathname} has no ${hash}`);
			}
		}
		const [first] = visits;
		if (first !== undefined) await search(first.page, url);
	} finally {
		await browser.close();
		server.close();
	}
}

interface Visit {
	readonly page: Page;
	look(
		name: string,
		known: Map<string, Set<string>>,
		links: { from: string; to: string }[],
		page: Page,
	): Promise<void>;
}

/** A page that reports what it says in its console, what it asks other hosts, and what it does not get. */
async function watched(context: BrowserContext, url: string, mode: string): Promise<Visit> {
	const page = await context.newPage();
	let now = '';
	const say = (problem: string) => problems.push(`${now} (${mode}): ${problem}`);
	page.on('pageerror', (error) => say(error.message));
	page.on('console', (message) => {
		if (['error', 'warning'].includes(message.type())) say(`console: ${message.text()}`);
	});
	page.on('response', (response) => {
		if (response.status() >= 400) say(`${response.status()} for ${response.url()}`);
	});
	await context.route('**/*', (route) => {
		const own = route.request().url().startsWith(new URL(url).origin);
		if (!own) say(`asks for ${route.request().url()}`);
		return own ? route.continue() : route.abort();
	});
	await context.addInitScript({ path: join(root, 'site/node_modules/axe-core/axe.min.js') });
	return {
		page,
		async look(name, known, links) {
			now = name;
			await page.goto(`${url}${name}`, { waitUntil: 'load' });
			await page.waitForSelector('.VPDoc, .VPHome');
			// As text: the types of a browser are no types of this project.
			const found = await page.evaluate<{ ids: string[]; links: string[]; overflow: number }>(`({
				ids: [...document.querySelectorAll('[id]')].map(({ id }) => id),
				links: [...document.querySelectorAll('a[href]')].map(({ href }) => href),
				overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
			})`);
			known.set(name, new Set(found.ids));
			for (const to of new Set(found.links)) links.push({ from: name, to });
			if (found.overflow > 1) say(`is ${found.overflow} pixels wider than the window`);
			for (const violation of await violations(page)) say(`axe: ${violation}`);
			if (screenshots !== undefined) {
				const file = `${name.replaceAll('/', '-').replace('.html', '')}-${mode.replace(', ', '-')}.png`;
				await page.screenshot({ path: join(screenshots, file) });
			}
		},
	};
}

async function violations(page: Page): Promise<string[]> {
	return page.evaluate<string[]>(`axe.run().then(({ violations }) =>
		violations.map(
			({ id, help, nodes }) => id + ': ' + help + '; ' + nodes.length + ' times, as ' + nodes[0].html.slice(0, 200),
		),
	)`);
}

/** What newcomers type, and the page that has to be among the first three. */
async function search(page: Page, url: string): Promise<void> {
	for (const [words, expected] of searches) {
		await page.goto(url);
		await page.click('.VPNavBarSearch button');
		await page.fill('.VPLocalSearchBox input', words);
		await page.waitForSelector('.VPLocalSearchBox .result', { timeout: 10_000 }).catch(() => {});
		await page.waitForTimeout(400);
		const found = await page.evaluate<string[]>(
			`[...document.querySelectorAll('.VPLocalSearchBox a.result')].slice(0, 5).map(({ pathname }) => pathname)`,
		);
		const paths = found.map((path) => path.slice(new URL(url).pathname.length));
		if (!paths.some((path) => expected.includes(path.replace(/\.html$/, '')))) {
			problems.push(
				`search for "${words}": ${expected.join(' or ')} is not among ${paths.join(', ')}`,
			);
		}
	}
}
