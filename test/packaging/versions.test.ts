import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from './command.ts';
import { root } from './made-once.ts';
import { unpacked } from './packed.ts';
import { Service } from './service.ts';

let service: Service;

const tried = ['7.10.0', '7.10.1', '7.11.0', '7.100.3'];
const untried = ['6.19.3', '7.9.9', '7.1.10', '8.0.0', '17.10.0', '7.11.0-dev.3', '7.10', ''];

/** Loads the configuration as the command of a package of this name and version does. */
const command = (name: string, version: string) => ({
	[`${name}-${version}/package.json`]: JSON.stringify({ name, version, type: 'module' }),
	[`${name}-${version}/build/index.js`]: `
		import config from '@consent-io/destinations/prisma-config';
		process.stdout.write(config.migrations.path);`,
});

async function manifest(path = '.'): Promise<Record<string, Record<string, string>>> {
	return JSON.parse(await readFile(join(root, path, 'package.json'), 'utf8'));
}

beforeAll(async () => {
	service = await Service.create({
		environment: { DATABASE_URL: 'postgresql://localhost/x', XDG_CACHE_HOME: '/nonexistent' },
		files: {
			...Object.assign({}, ...[...tried, ...untried].map((version) => command('prisma', version))),
			...command('editor', '1.0.0'),
		},
	});
});

afterAll(() => service?.remove());

test.each(tried)('prisma-config works with prisma %s', async (version) => {
	const { stdout, stderr } = await service.run(`node prisma-${version}/build/index.js`);
	expect([stdout, stderr]).toEqual([expect.stringMatching(/prisma.migrations$/), '']);
});

test.each(untried)('it refuses prisma %p, and says what to install', async (version) => {
	// As npm links it into node_modules/.bin.
	await symlink(`prisma-${version}/build/index.js`, join(service.folder, `prisma-${version}.js`));
	const { status, stderr } = await service.run(`node prisma-${version}.js`);
	expect(status).toBe(1);
	expect(stderr).toContain(
		`This is prisma ${version}, but @consent-io/destinations migrates with releases of Prisma 7, from 7.10 on`,
	);
	const client = (await manifest()).dependencies?.['@prisma/client'];
	expect(stderr).toContain(`npm install --save-dev prisma@${client}`);
});

test('an editor may read it, whatever its version', async () => {
	const { status } = await service.run('node editor-1.0.0/build/index.js');
	expect(status).toBe(0);
});

test('the guide names versions that fit', async () => {
	const guide = await readFile(join(root, 'docs/guides/migrate.md'), 'utf8');
	const { devDependencies } = await manifest();
	const named = [...guide.matchAll(/\s`?((?:@prisma\/)?[a-z-]+)@([\w.-]+)/g)];
	const fitting = {
		prisma: ['7', devDependencies?.prisma],
		'@prisma/schema-engine-wasm': [devDependencies?.['@prisma/schema-engine-wasm']],
	};
	expect(new Set(named.map(([, name]) => name))).toEqual(new Set(Object.keys(fitting)));
	for (const [, name, version] of named) {
		expect(new Map(Object.entries(fitting)).get(String(name))).toContain(version);
	}
});

test('it refuses another engine of npm, and says which one to install', async () => {
	const folder = await mkdtemp(join(tmpdir(), 'destinations-engine-'));
	const put = async (file: string, content: string) => {
		await mkdir(dirname(join(folder, file)), { recursive: true });
		await writeFile(join(folder, file), content);
	};
	const engine = 'node_modules/@prisma/schema-engine-wasm';
	try {
		await cp(await unpacked(), join(folder, 'node_modules/@consent-io/destinations'), {
			recursive: true,
		});
		await put(`${engine}/schema_engine_bg.js`, '');
		await put(
			`${engine}/package.json`,
			'{ "name": "@prisma/schema-engine-wasm", "version": "8.1.0" }',
		);
		await put('load.mjs', "import '@consent-io/destinations/prisma-config';");
		const { stderr } = await run(['node', 'load.mjs'], {
			cwd: folder,
			environment: { DATABASE_URL: 'postgresql://localhost/x', XDG_CACHE_HOME: folder },
		});
		expect(stderr).toContain('@prisma/schema-engine-wasm 8.1.0 is another engine');
		const { peerDependencies } = await manifest();
		expect(stderr).toContain(
			`--save-exact @prisma/schema-engine-wasm@${peerDependencies?.['@prisma/schema-engine-wasm']}`,
		);
	} finally {
		await rm(folder, { recursive: true });
	}
});

test('the engine of npm that package.json names is the one of that version of Prisma', async () => {
	const { version } = JSON.parse(
		await readFile(join(root, 'node_modules/@prisma/engines-version/package.json'), 'utf8'),
	);
	const { peerDependencies, peerDependenciesMeta, devDependencies } = await manifest();
	const name = '@prisma/schema-engine-wasm';
	expect(peerDependencies?.[name]).toBe(version);
	expect(devDependencies?.[name]).toBe(version);
	expect(peerDependenciesMeta?.[name]).toEqual({ optional: true });
});
