import { spawn } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Copy, DockerfileParser, type JSONInstruction } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';
import { codeBlocks } from '../docs/markdown.ts';
import { createTestDatabase } from '../support/database.ts';
import { newKeys } from '../support/encryption.ts';
import { run } from './command.ts';
import { root } from './made-once.ts';
import { packed } from './packed.ts';
import { Service } from './service.ts';

const example = join(root, 'examples/service');
let text: string;

beforeAll(async () => {
	text = await readFile(join(example, 'Dockerfile'), 'utf8');
});

test('the linter finds nothing', () => {
	expect(validate(text)).toEqual([]);
	expect(validate('FROM node AS a\nFORM node AS A\nRUN\n')).not.toEqual([]);
});

test('the recipe shows it as it is', async () => {
	const guide = await readFile(join(root, 'docs/recipes/docker.md'), 'utf8');
	const [shown] = codeBlocks({ path: 'docker.md', text: guide }).filter(
		({ language }) => language === 'dockerfile',
	);
	expect(shown?.code).toBe(text);
});

/** A stage, as far as it can be run without an engine: its folder, and what it says of its processes. */
interface Stage {
	readonly folder: string;
	readonly environment: Record<string, string>;
	user?: string | undefined;
	command?: string[] | undefined;
}

/**
 * Runs the steps of a Dockerfile without an engine: each stage is a folder, which stands for the work directory. What npm installs
 * for a build is there already; what runs in production it installs for real.
 */
class Steps {
	readonly stages = new Map<string, Stage>();
	readonly #context: string;
	readonly #folder: string;
	readonly #installed: string;

	constructor(context: string, folder: string, installed: string) {
		this.#context = context;
		this.#folder = folder;
		this.#installed = installed;
	}

	async run(text: string): Promise<void> {
		let stage: Stage | undefined;
		for (const instruction of DockerfileParser.parse(text).getInstructions()) {
			const args = instruction.getArguments().map((argument) => argument.getValue());
			if (instruction.getKeyword() === 'FROM') {
				const name = args[2] ?? String(this.stages.size);
				stage = { folder: join(this.#folder, name), environment: {} };
				await mkdir(stage.folder, { recursive: true });
				this.stages.set(name, stage);
			} else if (stage === undefined) throw new Error('A Dockerfile begins with FROM');
			else await this.#step(stage, instruction.getKeyword(), args, instruction);
		}
	}

	async #step(stage: Stage, keyword: string, args: string[], instruction: object): Promise<void> {
		switch (keyword) {
			case 'WORKDIR':
				expect(args).toEqual(['/service']);
				return;
			case 'ENV':
				for (const [, name = '', value = ''] of args.join(' ').matchAll(/(\w+)=(\S+)/g)) {
					stage.environment[name] = value;
				}
				return;
			case 'COPY': {
				const from = (instruction as Copy).getFromFlag()?.getValue();
				return this.#copy(stage, args, from ? this.stages.get(from)?.folder : this.#context);
			}
			case 'RUN': {
				const command = args.join(' ');
				// A stage for building has what the shared installation has.
				if (command === 'npm ci') {
					for (const name of await readdir(this.#installed)) {
						if (name === 'node_modules')
							await cp(this.#installed, stage.folder, { recursive: true });
					}
					return;
				}
				const ended = await run(['sh', '-c', command.replace(' && npm cache clean --force', '')], {
					cwd: stage.folder,
					environment: { ...stage.environment, npm_config_prefer_offline: 'true' },
				});
				if (ended.status !== 0) throw new Error(ended.output);
				return;
			}
			case 'USER':
				stage.user = args[0];
				return;
			case 'CMD':
				stage.command = (instruction as JSONInstruction)
					.getJSONStrings()
					.map((text) => JSON.parse(text.getValue()));
				return;
			case 'EXPOSE':
				return;
			default:
				throw new Error(`The test does not know ${keyword}`);
		}
	}

	async #copy(stage: Stage, args: string[], from: string | undefined): Promise<void> {
		if (from === undefined) throw new Error('COPY from a stage that is not there');
		const into = String(args.at(-1));
		for (const pattern of args.slice(0, -1)) {
			const path = pattern.replace(/^\/service\/?/, '');
			if (pattern === '.') {
				await cp(from, stage.folder, { recursive: true });
				continue;
			}
			const names = path.endsWith('*')
				? (await readdir(from)).filter((name) => name.startsWith(path.slice(0, -1)))
				: [path];
			for (const name of names) {
				const to = into.endsWith('/') ? join(into, name) : into;
				await cp(join(from, name), join(stage.folder, to), { recursive: true });
			}
		}
	}
}

test('its steps make a service that runs, without the command of Prisma and without sources', async () => {
	const folder = await mkdtemp(join(tmpdir(), 'dockerfile-'));
	const service = await Service.create({ type: 'module' });
	const database = await createTestDatabase();
	try {
		const context = join(folder, 'context');
		const ignored = (await readFile(join(example, '.dockerignore'), 'utf8')).trim().split('\n');
		await mkdir(context);
		for (const name of await readdir(example)) {
			if (ignored.includes(name)) continue;
			await cp(join(example, name), join(context, name), { recursive: true });
		}
		await cp(await packed(), join(context, 'package.tgz'));
		const manifest = JSON.parse(await readFile(join(context, 'package.json'), 'utf8'));
		manifest.dependencies['@consent-io/destinations'] = 'file:package.tgz';
		// What builds is there already. Of the rest, Prisma's command is what npm would ship.
		manifest.devDependencies = { prisma: manifest.devDependencies.prisma };
		await writeFile(join(context, 'package.json'), JSON.stringify(manifest));
		const lock = [
			'npm',
			'install',
			'--package-lock-only',
			'--ignore-scripts',
			'--prefer-offline',
		] as const;
		const locked = await run([...lock, '--no-audit', '--no-fund'], { cwd: context });
		if (locked.status !== 0) throw new Error(locked.output);

		const steps = new Steps(context, folder, service.folder);
		// The registry is this folder here.
		await steps.run(
			text.replaceAll('package-lock.json .npmrc*', 'package-lock.json package.tgz .npmrc*'),
		);
		const stage = steps.stages.get('run');
		if (stage === undefined) throw new Error('There is no stage that runs');
		expect(stage).toMatchObject({ user: 'node', command: ['node', 'dist/main.js'] });
		expect(stage.environment).toEqual({ NODE_ENV: 'production' });
		const packages = await readdir(join(stage.folder, 'node_modules'));
		expect(packages).toEqual(expect.arrayContaining(['@consent-io', 'fastify', 'pg']));
		for (const dev of ['prisma', 'typescript', 'tsx', 'vitest', 'esbuild']) {
			expect(packages).not.toContain(dev);
		}
		expect((await readdir(stage.folder)).sort()).toEqual([
			...['.npmrc', 'dist', 'node_modules', 'package-lock.json', 'package.json', 'package.tgz'],
		]);

		const [program = '', ...args] = stage.command ?? [];
		const child = spawn(program, args, {
			cwd: stage.folder,
			env: {
				...{ PATH: process.env.PATH, HOME: folder, ...stage.environment, PORT: '0' },
				DATABASE_URL: database.logins.connectionString,
				DATABASE_SERVICE_URL: database.logins.serviceConnectionString,
				...{ DESTINATIONS_ENCRYPTION_KEYS: newKeys(), TOKEN_SECRET: 'a'.repeat(40) },
			},
		});
		let output = '';
		for (const stream of [child.stdout, child.stderr]) {
			stream.on('data', (part) => {
				output += part;
			});
		}
		const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
		let url: string | undefined;
		while (url === undefined) {
			url = /http:\/\/[\d.]+:\d+/.exec(output)?.[0];
			if (child.exitCode !== null) throw new Error(output);
			await sleep(50);
		}
		expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok' });
		child.kill('SIGTERM');
		expect(await ended).toBe(0);
	} finally {
		await database.drop();
		await service.remove();
		await rm(folder, { recursive: true, force: true });
	}
});
