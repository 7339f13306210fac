/**
 * Installs the tarball in services as teams have them, from the registry: by each package manager, with what ships to production
 * measured, and in each framework, where it answers requests. `npm run test:hosts -- next yarn` runs some of them.
 */
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDestinationsClient } from '../../src/index.ts';
import { createTestKeys, startTestDatabase } from '../../src/testing/index.ts';
import { buildInto, root } from '../build-package.ts';
import { frameworkCases } from './frameworks.ts';
import { cache, type Surroundings } from './host.ts';
import { type Case, managerCases } from './managers.ts';

const cases: Readonly<Record<string, Case>> = { ...managerCases, ...frameworkCases };
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => cases[name] === undefined);
if (unknown.length > 0) {
	throw new Error(`There is no ${unknown.join(', ')}. There are: ${Object.keys(cases).join(', ')}`);
}

/** Commands of package managers, from npm. Returns those that cannot be had. */
function installTools(folder: string): readonly string[] {
	mkdirSync(folder, { recursive: true });
	const packages = { pnpm: 'pnpm', yarn: '@yarnpkg/cli-dist', bun: 'bun', deno: 'deno' };
	const missing: string[] = [];
	for (const [name, source] of Object.entries(packages)) {
		const options = ['--prefix', folder, '--no-audit', '--no-fund'];
		spawnSync('npm', ['install', ...options, `${source}@latest`], { stdio: 'ignore' });
		const command = join(folder, 'node_modules/.bin', name);
		if (spawnSync(command, ['--version'], { cwd: folder }).status !== 0) missing.push(name);
	}
	return missing;
}

const folder = mkdtempSync(join(tmpdir(), 'destinations-hosts-'));
const tools = join(cache, 'tools');
const missing = installTools(tools);
await buildInto(join(root, 'dist'));
const packed = spawnSync(
	'npm',
	['pack', '--ignore-scripts', '--silent', '--pack-destination', folder],
	{
		cwd: root,
		encoding: 'utf8',
	},
);
if (packed.status !== 0) throw new Error(packed.stderr);

await using database = await startTestDatabase();
const keys = createTestKeys();
const organizations = { ORGANIZATION_ID: randomUUID(), OTHER_ORGANIZATION_ID: randomUUID() };
await using db = createDestinationsClient({ ...database.logins, keys });
const system = db.asService();
for (const id of Object.values(organizations)) {
	await system.prisma.organization.create({ data: { id } });
}
await system.destinations.create({
	...{ organizationId: organizations.ORGANIZATION_ID, type: 'console', name: 'Shop' },
	...{ environment: 'production', settings: {} },
});
const { connectionString, serviceConnectionString } = database.logins;
const surroundings: Surroundings = {
	tarball: join(folder, packed.stdout.trim()),
	tools: join(tools, 'node_modules/.bin'),
	expected: ['Shop'],
	environment: {
		...organizations,
		DATABASE_URL: connectionString,
		DATABASE_SERVICE_URL: serviceConnectionString,
		DESTINATIONS_ENCRYPTION_KEYS: keys,
	},
};

const counts = { passed: 0, failed: 0, skipped: 0 };
for (const [name, run] of Object.entries(cases)) {
	if (wanted.length > 0 && !wanted.includes(name)) continue;
	if (missing.includes(name.replace('-gate', ''))) {
		counts.skipped += 1;
		process.stdout.write(`SKIPPED ${name}: it cannot be had from npm here\n`);
		continue;
	}
	const started = performance.now();
	try {
		const said = await run(surroundings);
		counts.passed += 1;
		const seconds = Math.round((performance.now() - started) / 1000);
		process.stdout.write(`passed ${name}, ${seconds} s\n${said.replaceAll(/^/gm, '    ')}\n`);
	} catch (error) {
		counts.failed += 1;
		process.stdout.write(`FAILED ${name}\n${error instanceof Error ? error.message : error}\n`);
	}
}
rmSync(folder, { recursive: true, force: true });
const { passed, failed, skipped } = counts;
process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
if (failed > 0) process.exitCode = 1;
