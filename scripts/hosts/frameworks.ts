import { readFileSync } from 'node:fs';
import { codeBlocks } from '../../test/docs/markdown.ts';
import { Host, type Surroundings } from './host.ts';
import type { Case } from './managers.ts';

const install = 'npm install --no-audit --no-fund';
const compile =
	'tsc --outDir dist --strict --skipLibCheck --module nodenext --target es2023 --types node';

/** The block of a document that has this text in it. The projects are made from them. */
function shown(path: string, text: string): string {
	const blocks = codeBlocks({ path, text: readFileSync(path, 'utf8') });
	const block = blocks.find(({ code }) => code.includes(text));
	if (block === undefined) throw new Error(`${path} has no block with ${text}`);
	return block.code;
}

const programOf = (name: string) => shown(`docs/recipes/${name}.md`, 'createDestinationsClient');

/** Compiles the program of a recipe, and serves it. */
function served(name: string): Case {
	return async (surroundings) => {
		const host = Host.of(name, surroundings);
		host.write('main.ts', programOf(name));
		host.run(install);
		host.run(`${compile} main.ts`);
		await host.serve('exec node dist/main.js');
		return 'serves';
	};
}

async function next(surroundings: Surroundings, build: string): Promise<void> {
	const host = Host.of('next', surroundings);
	const recipe = 'docs/recipes/next.md';
	host.write('next.config.ts', shown(recipe, 'serverExternalPackages'));
	host.write('instrumentation.ts', shown(recipe, 'export async function register'));
	host.write('app/destinations/route.ts', shown(recipe, 'export async function GET'));
	host.run(install);
	host.run(`npm run ${build}`);
	await host.serve('exec next start -p $PORT');
}

export const frameworkCases: Readonly<Record<string, Case>> = {
	fastify: served('fastify'),
	hono: served('hono'),
	trpc: served('trpc'),
	nest: async (surroundings) => {
		const host = Host.of('nest', surroundings);
		host.write('src/main.ts', programOf('nest'));
		host.run(install);
		host.run('npm run build');
		await host.serve('exec node dist/main.js');
		return 'serves, with the client injected by its class';
	},
	next: async (surroundings) => {
		await next(surroundings, 'build');
		return 'serves, built by Turbopack';
	},
	'next-webpack': async (surroundings) => {
		await next(surroundings, 'build:webpack');
		return 'serves, built by webpack';
	},
	esbuild: async (surroundings) => {
		const host = Host.of('esbuild', surroundings);
		host.write('main.ts', programOf('hono'));
		host.run(install);
		host.run(shown('docs/guides/deploy.md', 'npx esbuild'));
		host.remove('node_modules');
		await host.serve('exec node bundle/main.mjs');
		return 'serves from one file, without node_modules';
	},
};
