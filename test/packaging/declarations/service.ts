import { mkdir, mkdtemp, readFile, realpath, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { unpacked } from '../packed.ts';
import { Service } from '../service.ts';
import { operationFiles, own, scoped } from './sources.ts';

const tsconfig = (outDir: string, options: object, files: string[]) =>
	JSON.stringify({
		compilerOptions: {
			target: 'ES2022',
			lib: ['ES2023', 'ESNext.Disposable'],
			types: ['node'],
			strict: true,
			noUncheckedIndexedAccess: true,
			exactOptionalPropertyTypes: true,
			skipLibCheck: true,
			declaration: true,
			emitDeclarationOnly: true,
			rootDir: '.',
			outDir,
			...options,
		},
		files,
	});

const nodenext = { module: 'nodenext' };
const bundler = { module: 'preserve', moduleResolution: 'bundler' };

/** Services that export what the package returns, with a Prisma client of their own and without. */
export async function exportingService(): Promise<Service> {
	const schema = await readFile(join(await unpacked(), 'prisma/schema.prisma'), 'utf8');
	const generator =
		'generator client {\n\tprovider = "prisma-client"\n\toutput = "../generated/prisma"\n\timportFileExtension = "js"\n}';
	const service = await Service.create({
		files: {
			'prisma.config.ts': "export default { schema: 'prisma/schema.prisma' };",
			'prisma/schema.prisma': schema.replace(/generator client \{[^}]*\}/, generator),
			'src/scoped.mts': scoped,
			'src/scoped.cts': scoped,
			...operationFiles,
			'src/own.mts': own,
			'src/own.cts': own,
			'src/scoped.ts': scoped,
			'src/own.ts': own,
			'nodenext.json': tsconfig('out/nodenext', nodenext, [
				'src/scoped.mts',
				'src/scoped.cts',
				...Object.keys(operationFiles),
				'src/own.mts',
				'src/own.cts',
			]),
			'bundler.json': tsconfig('out/bundler', bundler, ['src/scoped.ts', 'src/own.ts']),
		},
	});
	const { status, output } = await service.run('prisma generate', {
		// It needs none, and would download one.
		environment: { PRISMA_SCHEMA_ENGINE_BINARY: process.execPath },
	});
	if (status !== 0) throw new Error(output);
	return service;
}

/** A folder of a service that cannot reach what the package depends on, as pnpm installs it. */
export async function strictService(installed: string): Promise<string> {
	const folder = await mkdtemp(join(tmpdir(), 'destinations-strict-'));
	for (const name of ['@consent-io/destinations', '@types/node']) {
		const link = join(folder, 'node_modules', name);
		await mkdir(dirname(link), { recursive: true });
		await symlink(await realpath(join(installed, 'node_modules', name)), link);
	}
	await mkdir(join(folder, 'src'));
	const files = {
		'package.json': '{ "private": true, "dependencies": { "@consent-io/destinations": "*" } }',
		'src/scoped.mts': scoped,
		...operationFiles,
		'strict.json': tsconfig('out/strict', nodenext, [
			'src/scoped.mts',
			...Object.keys(operationFiles),
		]),
	};
	for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content);
	return folder;
}
