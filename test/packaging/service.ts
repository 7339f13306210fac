import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type Ended, run, type Surroundings } from './command.ts';
import { linkPackages } from './linked-packages.ts';
import { madeOnce, root } from './made-once.ts';
import { packed, unpacked } from './packed.ts';

/** What a service may have beside the package. Those that this project has too are of the same version. */
const others = { dotenv: '17.4.2', jose: '6.2.18', vitest: '3.2.7' };
const shared = [
	'@opentelemetry/api',
	'@opentelemetry/context-async-hooks',
	'@opentelemetry/instrumentation-pg',
	'@opentelemetry/sdk-trace-base',
	'@prisma/schema-engine-wasm',
	'@types/node',
	'esbuild',
	'fastify',
	'jest',
	'prisma',
	'tsx',
	'typescript',
];

/** A folder in which npm has installed the tarball, beside what this project has already. Shared by all tests. */
async function installation(): Promise<string> {
	const tarball = await packed();
	const version = createHash('sha256')
		.update(basename(dirname(tarball)))
		.update(JSON.stringify([shared, others]))
		.digest('hex');
	return madeOnce('service', version, async (folder) => {
		const versions: string[] = [];
		for (const name of shared) {
			const manifest = await readFile(join(root, 'node_modules', name, 'package.json'), 'utf8');
			versions.push(`${name}@${JSON.parse(manifest).version}`);
		}
		for (const [name, version] of Object.entries(others)) versions.push(`${name}@${version}`);
		await writeFile(
			join(folder, 'package.json'),
			// Prisma's scripts download its engine, where the network lets them; these tests do without.
			JSON.stringify({
				private: true,
				allowScripts: { esbuild: true, prisma: false, '@prisma/engines': false },
			}),
		);
		const manifest = JSON.parse(await readFile(join(await unpacked(), 'package.json'), 'utf8'));
		await linkPackages([...shared, ...Object.keys(manifest.dependencies)], folder);
		const install = ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund'] as const;
		const ended = await run([...install, tarball, ...versions], { cwd: folder });
		await writeFile(join(folder, 'install.log'), ended.output);
		if (ended.status !== 0) throw new Error(`npm install failed:\n${ended.output}`);
	});
}

/** What npm said while it installed. */
export async function installationLog(): Promise<string> {
	return readFile(join(await installation(), 'install.log'), 'utf8');
}

const prismaConfig = `export { default } from '@consent-io/destinations/prisma-config';\n`;

const ownName = '@consent-io/destinations';

/** A folder of packages: those of another folder, but for some, which are copied because a link leads elsewhere. */
async function assemble(
	folder: string,
	from: string,
	copied: Readonly<Record<string, string>>,
	missing: readonly string[] = [],
): Promise<void> {
	await mkdir(folder, { recursive: true });
	for (const [name, source] of Object.entries(copied)) {
		await cp(source, join(folder, name), { recursive: true });
	}
	for (const name of await readdir(from)) {
		if (missing.includes(name)) continue;
		if (name.startsWith('@')) {
			await assemble(join(folder, name), join(from, name), {});
			continue;
		}
		// What was copied is there.
		await symlink(join(from, name), join(folder, name)).catch((error: NodeJS.ErrnoException) => {
			if (error.code !== 'EEXIST') throw error;
		});
	}
}

/** A service of a test's own, with the packages of the shared installation. */
export class Service {
	readonly folder: string;
	readonly #environment: Record<string, string>;

	private constructor(folder: string, environment: Record<string, string>) {
		this.folder = folder;
		this.#environment = environment;
	}

	/** With `prisma.config.ts` as the guide has it, and files of its own. */
	static async create({
		type,
		files = {},
		environment = {},
		others = {},
		missing = [],
	}: {
		/** Of `package.json`; most services that are CommonJS say nothing. */
		readonly type?: 'module';
		readonly files?: Record<string, string>;
		readonly environment?: Record<string, string>;
		/** Folders of packages that stand in the place of those that were installed, by name. */
		readonly others?: Record<string, string>;
		/** Packages, or scopes of them, that it does not have. */
		readonly missing?: readonly string[];
	} = {}): Promise<Service> {
		const folder = await mkdtemp(join(tmpdir(), 'destinations-service-'));
		const service = new Service(folder, environment);
		await service.write({
			'package.json': JSON.stringify({ name: 'service', private: true, type }),
			'prisma.config.ts': prismaConfig,
			...files,
		});
		const installed = join(await installation(), 'node_modules');
		const own = join(folder, 'node_modules');
		if (Object.keys(others).length + missing.length === 0) await symlink(installed, own);
		else {
			const copied = { [ownName]: join(installed, ownName), ...others };
			await assemble(own, installed, copied, missing);
		}
		return service;
	}

	async write(files: Record<string, string>): Promise<void> {
		for (const [name, content] of Object.entries(files)) {
			const file = join(this.folder, name);
			await mkdir(dirname(file), { recursive: true });
			await writeFile(file, content);
		}
	}

	/** Runs a command of an installed package, or node, as `npx` would. */
	run(command: string, surroundings: Partial<Surroundings> = {}): Promise<Ended> {
		const [name = '', ...args] = command.split(' ');
		const file = name === 'node' ? name : join(this.folder, 'node_modules/.bin', name);
		const environment = { ...this.#environment, ...surroundings.environment };
		return run([file, ...args], { cwd: this.folder, ...surroundings, environment });
	}

	async remove(): Promise<void> {
		await rm(this.folder, { recursive: true, force: true });
	}
}
