import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type DefaultTheme, defineConfig } from 'vitepress';
import { addresses } from '../../scripts/docs/addresses.ts';
import { titleOf } from '../../scripts/site/pages.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const pages = join(root, 'site/pages');
const { version, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const shownVersion = version === '0.0.0' ? 'Not released yet' : `v${version}`;

/** The pages of a folder by their titles; `index` leads. */
function section(text: string, folder: string, collapsed?: boolean): DefaultTheme.SidebarItem {
	const items = readdirSync(join(pages, folder))
		.filter((name) => name.endsWith('.md') && name !== 'index.md')
		.map((name) => ({
			text: titleOf(readFileSync(join(pages, folder, name), 'utf8')),
			link: `/${folder}/${name.replace(/\.md$/, '')}`,
		}))
		.sort((a, b) => a.text.localeCompare(b.text, 'en'));
	const hasIndex = readdirSync(join(pages, folder)).includes('index.md');
	return {
		text,
		items,
		...(collapsed === undefined ? {} : { collapsed }),
		...(hasIndex ? { link: `/${folder}/` } : {}),
	};
}

const link = (text: string, path: string) => ({ text, link: path });

/** The guides for users, in the order of the table in docs/README.md: by name the first one to read would be the last. */
function guides(): DefaultTheme.SidebarItem {
	const table = readFileSync(join(root, 'docs/README.md'), 'utf8');
	const order = [...table.matchAll(/\]\(guides\/([\w-]+)\.md\)/g)].map(
		([, name]) => `/guides/${name}`,
	);
	const { items = [], ...rest } = section('Guides', 'guides');
	const listed = items.filter(({ link = '' }) => order.includes(link));
	listed.sort((a, b) => order.indexOf(a.link ?? '') - order.indexOf(b.link ?? ''));
	return { ...rest, items: listed };
}

export default defineConfig({
	title: 'Destinations',
	description,
	lang: 'en',
	base: process.env.SITE_BASE ?? new URL(addresses.homepage).pathname,
	srcDir: 'pages',
	outDir: 'dist',
	cleanUrls: false,
	markdown: {
		// The anchors that GitHub makes, which the links of the documents have.
		anchor: {
			slugify: (heading) =>
				heading
					.toLowerCase()
					.replace(/[^\p{L}\p{N}\s_-]/gu, '')
					.trim()
					.replace(/\s/g, '-'),
		},
		theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
		config(markdown) {
			// A table that is wider than the page is scrolled by the keyboard too.
			const table = markdown.renderer.rules.table_open;
			markdown.renderer.rules.table_open = (tokens, index, options, env, self) => {
				tokens[index]?.attrSet('tabindex', '0');
				return (
					table?.(tokens, index, options, env, self) ?? self.renderToken(tokens, index, options)
				);
			};
			// A header without text is left out.
			markdown.core.ruler.push('empty-headers', ({ tokens }) => {
				for (const [index, token] of tokens.entries()) {
					if (token.type !== 'th_open' || tokens[index + 1]?.content !== '') continue;
					token.tag = 'td';
					const close = tokens[index + 2];
					if (close !== undefined) close.tag = 'td';
				}
			});
		},
	},
	themeConfig: {
		nav: [
			link('Start', '/guides/service'),
			link('Concepts', '/concepts'),
			link('Recipes', '/recipes/'),
			link('API', '/api/'),
			{
				text: shownVersion,
				items: [
					link('Changes', '/changelog'),
					link('Every version', `${addresses.repository}/releases`),
					link('Security', '/security'),
				],
			},
		],
		sidebar: [
			{
				text: 'Overview',
				items: [
					link('What it is', '/'),
					link('Concepts', '/concepts'),
					link('Every document', '/documentation'),
				],
			},
			guides(),
			section('Recipes', 'recipes', true),
			section('API reference', 'api', true),
			{
				text: 'Reference',
				items: [
					link('Tables', '/entities'),
					link('Benchmarks', '/benchmarks'),
					link('Indexes', '/indexes'),
					link('Security', '/security'),
					link('Changes', '/changelog'),
				],
			},
			section('Decisions', 'decisions', true),
			{
				text: 'Contributing',
				items: [link('How to change it', '/contributing'), link('Releasing', '/guides/releasing')],
			},
		],
		outline: { level: [2, 3] },
		search: {
			provider: 'local',
			options: {
				miniSearch: {
					searchOptions: {
						// Guides before what explains why they are so. It runs in the browser, and so has nothing from outside itself.
						boostDocument(id: string) {
							if (/\/(guides|concepts)/.test(id)) return 3;
							if (/\/recipes\//.test(id)) return 2;
							return /\/(decisions|contributing|benchmarks|changelog|indexes)/.test(id) ? 0.2 : 1;
						},
					},
				},
			},
		},
		socialLinks: [{ icon: 'github', link: addresses.repository, ariaLabel: 'Sources' }],
		footer: { message: 'Its search works offline: the index is part of the site.' },
	},
});
