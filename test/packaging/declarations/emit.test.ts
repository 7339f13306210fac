import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Service } from '../service.ts';
import { type Compiled, compile, manifestOf, oldest, versions } from './compilers.ts';
import { exportingService, strictService } from './service.ts';

/** Bytes of one file of declarations. */
const largest = 100_000;
/**
 * What TypeScript did to fill in types, of all files of a project: 300,000 take it about two seconds. A bound on
 * time would depend on what else the machine does.
 */
const mostInstantiations = 400_000;

let service: Service;
let strict: string;

beforeAll(async () => {
	service = await exportingService();
	strict = await strictService(service.folder);
});

afterAll(async () => {
	await service?.remove();
	if (strict) await rm(strict, { recursive: true, force: true });
});

async function expectDeclarations(declared: string, compiled: Compiled | undefined): Promise<void> {
	expect(compiled?.output).toBe('');
	expect(compiled?.instantiations).toBeLessThan(mostInstantiations);
	const files = (await readdir(declared)).filter((name) => /\.d\.[cm]?ts$/.test(name));
	expect(files.length).toBeGreaterThan(1);
	for (const file of files) {
		const { size } = await stat(join(declared, file));
		expect([file, size < largest]).toEqual([file, true]);
	}
	process.stderr.write(`${compiled?.seconds} s, ${compiled?.instantiations} instantiations\n`);
}

describe.each(versions)('TypeScript %s declares what a service exports', (version) => {
	let nodenext: Compiled | undefined;
	let bundler: Compiled | undefined;
	let alone: Compiled | undefined;

	beforeAll(async () => {
		for (const folder of [service.folder, strict]) {
			await rm(join(folder, 'out'), { recursive: true, force: true });
		}
		[nodenext, bundler, alone] = await compile(version, [
			join(service.folder, 'nodenext.json'),
			join(service.folder, 'bundler.json'),
			join(strict, 'strict.json'),
		]);
	});

	test('with the resolution nodenext', () =>
		expectDeclarations(join(service.folder, 'out/nodenext/src'), nodenext));

	test('with the resolution bundler', () =>
		expectDeclarations(join(service.folder, 'out/bundler/src'), bundler));

	test('where it cannot reach the packages that this one depends on', async () => {
		const folder = join(strict, 'out/strict/src');
		await expectDeclarations(folder, alone);
		const declared = await readFile(join(folder, 'scoped.d.mts'), 'utf8');
		expect(declared).toContain('PrismaPromise<import("@consent-io/destinations").Destination[]>');
		for (const file of await readdir(folder)) {
			const text = await readFile(join(folder, file), 'utf8');
			const foreign = text.match(/import\("(?!@consent-io\/destinations")[^"]*"\)/g) ?? [];
			expect([file, foreign]).toEqual([file, []]);
		}
	});
});

test('the oldest of these versions is what Prisma’s client asks for, and the README says so', async () => {
	const { peerDependencies } = await manifestOf('@prisma/client');
	expect(`>=${oldest.replace(/\d+$/, '0')}`).toBe(peerDependencies?.typescript);
	const readme = await readFile(join(__dirname, '../../../README.md'), 'utf8');
	expect(readme).toContain('TypeScript 5.4 or later');
});
