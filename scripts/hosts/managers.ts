import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { esm, found } from '../../test/packaging/programs.ts';
import { Host, type Surroundings } from './host.ts';

/** Runs one case. Returns what there is to print of it. */
export type Case = (surroundings: Surroundings) => Promise<string> | string;

interface Manager {
	/** Installs everything, and makes the lock file. */
	readonly install: string;
	/** What ships to production, by the guide; and what it must not be. */
	readonly production: readonly { readonly command: string; readonly lean: boolean }[];
	readonly files?: Readonly<Record<string, string>>;
	/** What runs a program. @defaultValue `node` */
	readonly run?: string;
}

const managers: Readonly<Record<string, Manager>> = {
	npm: {
		install: 'npm install --no-audit --no-fund',
		production: [
			{ command: 'npm ci --no-audit --no-fund --omit=dev', lean: false },
			{ command: 'npm ci --no-audit --no-fund --omit=dev --omit=optional', lean: true },
		],
	},
	pnpm: {
		install: 'pnpm install --ignore-scripts',
		production: [{ command: 'pnpm install --prod --frozen-lockfile --ignore-scripts', lean: true }],
	},
	yarn: {
		install: 'yarn install',
		production: [{ command: 'yarn workspaces focus --production', lean: true }],
		files: {
			'.yarnrc.yml':
				'nodeLinker: node-modules\nenableScripts: false\nenableTelemetry: false\nenableImmutableInstalls: false\n',
		},
	},
	bun: {
		install: 'bun install --ignore-scripts',
		production: [
			{ command: 'bun install --production --frozen-lockfile --ignore-scripts', lean: false },
			{
				command: 'bun install --production --omit=peer --frozen-lockfile --ignore-scripts',
				lean: true,
			},
		],
		run: 'bun run',
	},
};

function manage(name: string, { install, production, files, run = 'node' }: Manager): Case {
	return (surroundings) => {
		const manifest = {
			...{ name: 'host', private: true, type: 'module' },
			dependencies: { '@consent-io/destinations': `file:${surroundings.tarball}` },
			devDependencies: { prisma: '7.10.0' },
		};
		const host = new Host(`manager-${name}`, surroundings, {
			...files,
			'package.json': JSON.stringify(manifest),
			'main.mjs': esm,
		});
		const use = () => {
			const printed = host.run(`${run} main.mjs`);
			const result = printed.trim().split('\n').at(-1) ?? '';
			if (result !== JSON.stringify(found)) throw new Error(printed);
		};
		host.run(install);
		use();
		const lines = production.map(({ command, lean }) => {
			host.remove('node_modules');
			host.run(command);
			use();
			const { packages, megabytes, hasPrisma } = measure(join(host.folder, 'node_modules'));
			if (lean === hasPrisma)
				throw new Error(`${command}: Prisma's command is ${lean ? '' : 'not '}there`);
			return `${command}: ${packages} packages, ${megabytes} MB`;
		});
		return lines.join('\n');
	};
}

/** What is in a folder of packages; each once, however many links lead to it. */
function measure(folder: string) {
	const packages = new Map<string, string>();
	let bytes = 0;
	const seen = new Set<string>();
	const visit = (path: string): void => {
		const real = realpathSync(path);
		if (seen.has(real)) return;
		seen.add(real);
		for (const name of readdirSync(real)) {
			const file = join(real, name);
			const status = lstatSync(file);
			if (status.isSymbolicLink()) {
				if (existsSync(file) && statSync(file).isDirectory()) visit(file);
			} else if (status.isDirectory()) visit(file);
			else bytes += status.blocks * 512;
		}
		if (
			/node_modules\/(@[^/]+\/)?[^/@.][^/]*$/.test(real) &&
			existsSync(join(real, 'package.json'))
		) {
			packages.set(real, JSON.parse(readFileSync(join(real, 'package.json'), 'utf8')).name);
		}
	};
	visit(folder);
	const hasPrisma = [...packages.values()].includes('prisma');
	return { packages: packages.size, megabytes: Math.round(bytes / 2 ** 20), hasPrisma };
}

/** Runs under Deno what npm has installed: it installs no tarballs. */
const deno: Case = (surroundings) => {
	const dependencies = { '@consent-io/destinations': `file:${surroundings.tarball}` };
	const host = new Host('manager-deno', surroundings, {
		'package.json': JSON.stringify({ private: true, type: 'module', dependencies }),
		'main.mjs': esm,
	});
	host.run('npm install --no-audit --no-fund');
	const printed = host.run('deno run --allow-all --node-modules-dir=manual main.mjs');
	if (!printed.includes(JSON.stringify(found))) throw new Error(printed);
	return 'runs what npm installed';
};

/** What the guide says of packages that are too young, with one that anybody may have. */
const gates: Readonly<Record<string, Case>> = {
	yarn: (surroundings) => {
		const gated = (more = '') => ({
			'package.json': JSON.stringify({ name: 'host', private: true }),
			'.yarnrc.yml': `nodeLinker: node-modules\nenableTelemetry: false\nenableImmutableInstalls: false\nnpmMinimalAgeGate: 36500d\n${more}`,
			'yarn.lock': '',
		});
		const said = new Host('gate-yarn', surroundings, gated()).fail('yarn add ipaddr.js');
		if (!/quarantined/.test(said)) throw new Error(said);
		const approved = gated("npmPreapprovedPackages: ['ipaddr.*']\n");
		new Host('gate-yarn-approved', surroundings, approved).run('yarn add ipaddr.js');
		return 'npmMinimalAgeGate refuses, npmPreapprovedPackages lets pass';
	},
	pnpm: (surroundings) => {
		const gated = (more = '') => ({
			'package.json': JSON.stringify({ name: 'host', private: true }),
			'pnpm-workspace.yaml': `minimumReleaseAge: 50000000\nminimumReleaseAgeStrict: true\n${more}`,
		});
		new Host('gate-pnpm', surroundings, gated()).fail('pnpm add ipaddr.js');
		const excluded = gated("minimumReleaseAgeExclude: ['ipaddr.js']\n");
		new Host('gate-pnpm-excluded', surroundings, excluded).run('pnpm add ipaddr.js');
		return 'minimumReleaseAge refuses, minimumReleaseAgeExclude lets pass';
	},
	bun: (surroundings) => {
		const gated = (more = '') => ({
			'package.json': JSON.stringify({ name: 'host', private: true }),
			'bunfig.toml': `[install]\nminimumReleaseAge = 3000000000\n${more}`,
		});
		new Host('gate-bun', surroundings, gated()).fail('bun add ipaddr.js');
		const excluded = gated('minimumReleaseAgeExcludes = ["ipaddr.js"]\n');
		new Host('gate-bun-excluded', surroundings, excluded).run('bun add ipaddr.js');
		return 'minimumReleaseAge refuses, minimumReleaseAgeExcludes lets pass';
	},
	deno: (surroundings) => {
		const gated = (exclude: readonly string[]) => ({
			'deno.json': JSON.stringify({ minimumDependencyAge: { age: 'P36500D', exclude } }),
			'main.ts': `import ipaddr from 'npm:ipaddr.js@2'; console.log(ipaddr.isValid('::1'));`,
		});
		new Host('gate-deno', surroundings, gated([])).fail('deno run --reload=npm: main.ts');
		const excluded = gated(['npm:ipaddr.js']);
		new Host('gate-deno-excluded', surroundings, excluded).run('deno run main.ts');
		return 'minimumDependencyAge refuses, its exclude lets pass';
	},
};

export const managerCases: Readonly<Record<string, Case>> = {
	...Object.fromEntries(
		Object.entries(managers).map(([name, manager]) => [name, manage(name, manager)]),
	),
	deno,
	...Object.fromEntries(Object.entries(gates).map(([name, gate]) => [`${name}-gate`, gate])),
};
