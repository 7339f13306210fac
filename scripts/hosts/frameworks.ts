import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Host, type Surroundings } from './host.ts';
import type { Case } from './managers.ts';

const install = 'npm install --no-audit --no-fund';

/** A block of the guide, which the projects are made by. */
function shown(text: string): string {
	const guide = readFileSync('docs/guides/deploy.md', 'utf8');
	const blocks = [...guide.matchAll(/^```\w+\n(.*?)^```$/gms)].map(([, code = '']) => code);
	const block = blocks.find((code) => code.includes(text));
	if (block === undefined) throw new Error(`The guide has no block with ${text}`);
	return block;
}

function served(project: string): Case {
	return async (surroundings) => {
		const host = Host.of(project, surroundings);
		host.run(install);
		await host.serve('exec node main.mjs');
		return 'serves';
	};
}

async function next(surroundings: Surroundings, build: string): Promise<void> {
	const host = Host.of('next', surroundings);
	host.write('next.config.ts', shown('serverExternalPackages'));
	host.write('instrumentation.ts', shown('export async function register'));
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
		cpSync('test/hosts/frameworks/hono/main.mjs', join(host.folder, 'main.ts'));
		host.run(install);
		host.run(shown('npx esbuild'));
		host.remove('node_modules');
		await host.serve('exec node bundle/main.mjs');
		return 'serves from one file, without node_modules';
	},
};
