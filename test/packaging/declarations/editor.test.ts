import { join } from 'node:path';
import ts from 'typescript';
import { Service } from '../service.ts';

let service: Service;

/** A comment marks each place that an editor is asked about, right before it. */
const source = `
import { createDestinationsClient } from '@consent-io/destinations';
const scope = createDestinationsClient().forOrganization('');
export async function use() {
	const /*rows*/rows = await scope.prisma.destination./*findMany*/findMany();
	const /*promise*/promise = scope.prisma.destination.findMany({ where: { enabled: true } });
	const /*row*/row = await scope.prisma.destination./*findUnique*/findUnique({ where: { id: '' } });
	const /*named*/named = await scope.prisma.destination.findMany({ select: { name: true } });
	const /*organizations*/organizations = await scope.prisma.organization.findMany();
	const /*prisma*/prisma = scope.prisma;
	const /*delegate*/delegate = scope./*property*/prisma.destination;
	const deleted = scope.prisma.destination./*onlyDeleted*/onlyDeleted();
	await scope.prisma.destination.findMany({ where: { /*columns*/ } });
	await scope.prisma.destination.update({ where: { id: '' }, data: { /*data*/ } });
	return { rows, promise, row, named, organizations, prisma, delegate, deleted };
}
`;

let editor: ts.LanguageService;
let file: string;

beforeAll(async () => {
	service = await Service.create({ files: { 'use.mts': source } });
	file = join(service.folder, 'use.mts');
	const options: ts.CompilerOptions = {
		target: ts.ScriptTarget.ES2022,
		lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
		module: ts.ModuleKind.NodeNext,
		types: ['node'],
		strict: true,
		skipLibCheck: true,
	};
	editor = ts.createLanguageService({
		fileExists: ts.sys.fileExists,
		readFile: ts.sys.readFile,
		directoryExists: ts.sys.directoryExists,
		...(ts.sys.realpath === undefined ? {} : { realpath: ts.sys.realpath }),
		getCompilationSettings: () => options,
		getScriptFileNames: () => [file],
		getScriptVersion: () => '1',
		getScriptSnapshot: (name) => {
			const text = ts.sys.readFile(name);
			return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
		},
		getCurrentDirectory: () => service.folder,
		getDefaultLibFileName: ts.getDefaultLibFilePath,
	});
});

afterAll(async () => {
	editor?.dispose();
	await service?.remove();
});

function place(name: string): number {
	const marker = `/*${name}*/`;
	return source.indexOf(marker) + marker.length;
}

function shown(name: string): string {
	return ts.displayPartsToString(editor.getQuickInfoAtPosition(file, place(name))?.displayParts);
}

test.each([
	['rows', 'const rows: Destination[]'],
	['promise', 'const promise: PrismaPromise<Destination[]>'],
	['row', 'const row: Destination | null'],
	['prisma', 'const prisma: ScopedPrismaClient'],
	['delegate', 'const delegate: PrismaDestinations'],
])('an editor shows %s by the names of its types', (name, text) => {
	expect(shown(name)).toBe(text);
});

test.each([
	'findMany',
	'findUnique',
	'named',
	'organizations',
	'organizationFindMany',
	'property',
	'onlyDeleted',
])('what an editor shows of %s is short', (name) => {
	expect(shown(name).length).toBeGreaterThan(10);
	expect(shown(name).length).toBeLessThan(300);
});

test.each([
	['columns', ['organizationId', 'enabled', 'AND']],
	['data', ['name', 'settings', 'enabled']],
])('an editor offers the %s', (name, expected) => {
	const completions = editor.getCompletionsAtPosition(file, place(name), {});
	expect(completions?.entries.map((entry) => entry.name)).toEqual(expect.arrayContaining(expected));
});
