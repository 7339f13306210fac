import { dirname, join } from 'node:path';
import ts from 'typescript';
import { type CodeBlock, root } from './markdown.ts';

const options: ts.CompilerOptions = {
	...ts.parseJsonConfigFileContent(
		ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config,
		ts.sys,
		root,
	).options,
	// Examples declare more than they use.
	noUnusedLocals: false,
	paths: {
		'@consent-io/destinations': [join(root, 'src/index.ts')],
		'@consent-io/destinations/contracts': [join(root, 'src/contracts/index.ts')],
		'@consent-io/destinations/testing': [join(root, 'src/testing/index.ts')],
	},
};

/** What examples take for granted. Here and not in a file, so that no other code of the project sees it. */
const namesFile = join(root, 'src/example-names.ts');
const names = `
import type { DestinationsClient, EnvelopeKeyProvider, ScopedClient } from './index.ts';
declare global {
	const db: DestinationsClient;
	const acme: ScopedClient;
	const organizationId: string;
	const userId: string;
	const id: string;
	const provider: EnvelopeKeyProvider;
}`;
/** Packages that this one does not have. Their examples were compiled against the real ones once. */
const modulesFile = join(root, 'src/example-modules.d.ts');
const modules = "declare module '@aws-sdk/client-kms';";

/** Where an example's relative imports begin: beside its source, or for those of documents in `src/`. */
function folderOf({ place }: CodeBlock): string {
	return place.startsWith('src/') ? dirname(place) : 'src';
}

/** Checks each block as a module of its own, and gives what TypeScript says, by place. */
export function typeErrors(blocks: readonly CodeBlock[]): string[] {
	const files = new Map(
		blocks.map((block, index) => [join(root, folderOf(block), `example-${index}.ts`), block]),
	);
	const texts = new Map([
		[namesFile, names],
		[modulesFile, modules],
		...[...files].map(([name, { code }]) => [name, `${code}\nexport {};\n`] as const),
	]);
	const host = ts.createCompilerHost(options);
	const { fileExists, getSourceFile } = host;
	host.fileExists = (name) => texts.has(name) || fileExists(name);
	host.getSourceFile = (name, languageVersion, ...others) => {
		const text = texts.get(name);
		return text === undefined
			? getSourceFile(name, languageVersion, ...others)
			: ts.createSourceFile(name, text, languageVersion);
	};
	const program = ts.createProgram([...texts.keys()], options, host);
	return [...files].flatMap(([name, { place }]) => {
		const file = program.getSourceFile(name);
		if (file === undefined) return [`${place}: was not read`];
		return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
			({ start = 0, messageText }) => {
				const { line } = file.getLineAndCharacterOfPosition(start);
				return `${place} line ${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
			},
		);
	});
}
