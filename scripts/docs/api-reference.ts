import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
	Application,
	Comment,
	Converter,
	DeclarationReflection,
	type ProjectReflection,
	type Reflection,
	ReflectionKind,
	type TypeDocOptions,
} from 'typedoc';
import type { PluginOptions } from 'typedoc-plugin-markdown';
import { type GeneratedFile, root } from './generated-file.ts';

/** The pages: a name, what they are for, and the folders and files of `src/` whose exports they have. */
const pages = [
	[
		'client',
		'Connect, and choose for whom statements run.',
		[
			'client/',
			'prisma/scoped/transaction-options.ts',
			'database/scope.ts',
			'database/shards.ts',
			'database/host/',
			'telemetry/',
		],
	],
	[
		'repository',
		'Create, read, change, delete, test and purge destinations; read the audit log.',
		['repository/', 'retention/'],
	],
	['loading', 'Enabled destinations from memory, for processes that send events.', ['loading/']],
	[
		'destinations',
		'The types of destinations and of their settings, and copies of them for logs and browsers.',
		['destinations/'],
	],
	['prisma', "Prisma's API: in a scope, and by itself.", ['prisma/']],
	[
		'keys',
		'Encryption, key rings, key providers and rotation.',
		['encryption/', 'keys/', 'rotation/'],
	],
	[
		'errors',
		'Every error of this package, its HTTP status, and how to recognize an unavailable database.',
		['errors.ts', 'database/retryable.ts', 'database/problem.ts'],
	],
	[
		'contracts',
		'`@consent-io/destinations/contracts`: zod schemas of requests and responses, for browsers too.',
		['contracts/'],
	],
	['doctor', 'Checks whether a database is as this package needs it.', ['doctor/']],
	['testing', '`@consent-io/destinations/testing`: a real Postgres for tests.', ['testing/']],
] as const;

const tables = {
	parametersFormat: 'table',
	interfacePropertiesFormat: 'table',
	classPropertiesFormat: 'table',
	typeAliasPropertiesFormat: 'table',
	typeDeclarationFormat: 'table',
	propertyMembersFormat: 'table',
	typeDeclarationVisibility: 'compact',
	tableColumnSettings: {
		hideSources: true,
		hideInherited: true,
		hideModifiers: true,
		hideOverrides: true,
	},
} satisfies Partial<PluginOptions>;

/** The API reference, from the docstrings of what the two entry points export. */
export async function apiReference(): Promise<GeneratedFile[]> {
	const directory = await mkdtemp(join(tmpdir(), 'api-reference-'));
	try {
		const options: Partial<TypeDocOptions> & Partial<PluginOptions> = {
			...tables,
			name: 'API reference',
			plugin: ['typedoc-plugin-markdown'],
			entryPoints: ['src/index.ts', 'src/contracts/index.ts', 'src/testing/index.ts'].map((path) =>
				join(root, path),
			),
			tsconfig: join(root, 'tsconfig.json'),
			router: 'module',
			// Never left to its default, `docs`, which typedoc would empty first.
			out: directory,
			cleanOutputDir: false,
			readme: 'none',
			entryFileName: 'README',
			hideBreadcrumbs: true,
			hidePageHeader: true,
			useCodeBlocks: true,
			disableSources: true,
			excludeInternal: true,
			excludePrivate: true,
			excludeExternals: true,
			sort: ['source-order'],
			groupOrder: ['Functions', 'Classes', 'Interfaces', 'Properties', 'Methods', '*'],
			// `npm run types` does that.
			skipErrorChecking: true,
			logLevel: 'Warn',
			treatWarningsAsErrors: false,
			validation: { invalidLink: true, notExported: false, notDocumented: false },
		};
		const app = await Application.bootstrapWithPlugins(options);
		app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => arrange(project));
		app.converter.on(Converter.EVENT_RESOLVE_END, ({ project }) => removeRepetitions(project), -50);
		const project = await app.convert();
		if (project === undefined) throw new Error('typedoc could not read the entry points');
		app.validate(project);
		for (const name of undocumented(project)) app.logger.error(`${name} has no docstring`);
		await app.generateOutputs(project);
		if (app.logger.hasErrors() || app.logger.hasWarnings()) {
			throw new Error('see above what typedoc found');
		}
		const read = async (name: string) => {
			const text = await readFile(join(directory, `${name}.md`), 'utf8');
			return {
				path: `docs/api/${name}.md`,
				text: withAnchors(text.replace(/^# \w/, (start) => start.toUpperCase())),
			};
		};
		return [
			tableOfContents(project),
			...(await Promise.all((project.children ?? []).map(({ name }) => read(name)))),
		];
	} finally {
		await rm(directory, { recursive: true, force: true });
	}
}

/**
 * Anchors of headings that say the same are numbered. Typedoc counts the signature of a function type too, which has no
 * heading, so that its numbers may be too high: the last of these headings is meant, that of the type.
 */
function withAnchors(text: string): string {
	const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
		heading.toLowerCase().replaceAll(/[^\w\s-]/g, ''),
	);
	return text.replaceAll(/\(#([\w-]+)-(\d+)\)/g, (link, anchor: string, number: string) => {
		const last = headings.filter((heading) => heading === anchor).length - 1;
		return last < 0 || Number(number) <= last ? link : `(#${anchor}-${last})`;
	});
}

const needsDocstring =
	ReflectionKind.ClassOrInterface |
	ReflectionKind.TypeAlias |
	ReflectionKind.Variable |
	ReflectionKind.Function |
	ReflectionKind.Method |
	ReflectionKind.Property;

/** Names without a docstring. What a type literal has needs none: typedoc takes other packages' types apart too. */
function undocumented(project: ProjectReflection): string[] {
	return Object.values(project.reflections)
		.filter((reflection) => reflection instanceof DeclarationReflection)
		.filter((reflection) => reflection.kindOf(needsDocstring) && !isInLiteral(reflection))
		.filter(({ comment, signatures }) => {
			const comments = [comment, ...(signatures ?? []).map((signature) => signature.comment)];
			return !comments.some((said) => said !== undefined && said.summary.length > 0);
		})
		.map((reflection) => reflection.getFullName());
}

function isInLiteral({ parent }: Reflection): boolean {
	return (
		parent !== undefined && (parent.kind === ReflectionKind.TypeLiteral || isInLiteral(parent))
	);
}

function tableOfContents(project: ProjectReflection): GeneratedFile {
	const list = (project.children ?? []).map((page) => {
		const [, summary] = pages.find(([name]) => name === page.name) ?? [];
		const names = [...new Set(page.children?.map(({ name }) => `\`${name}\``))].join(', ');
		return `- **[${page.name}](${page.name}.md)**: ${summary} ${names}.`;
	});
	const text = `# API reference

Made from the docstrings by \`npm run docs\`. Begin with the [documentation](../README.md).

${list.join('\n')}
`;
	return { path: 'docs/api/README.md', text };
}

/** Puts the exports onto their pages, by the folder that they come from. */
function arrange(project: ProjectReflection): void {
	const modules = new Map(
		pages.map(([name]) => [name, new DeclarationReflection(name, ReflectionKind.Module, project)]),
	);
	for (const entryPoint of [...(project.children ?? [])]) {
		for (const child of [...(entryPoint.children ?? [])]) {
			const file = project.getSymbolIdFromReflection(child)?.fileName?.split('/src/')[1] ?? '';
			const page = pages.find(([, , places]) => places.some((place) => file.startsWith(place)));
			const module = page && modules.get(page[0]);
			if (module === undefined) throw new Error(`${child.name} of src/${file} has no page`);
			entryPoint.removeChild(child);
			child.parent = module;
			module.addChild(child);
		}
		project.removeReflection(entryPoint);
	}
	for (const [name, summary] of pages) {
		const module = modules.get(name);
		if (module?.children === undefined) continue;
		module.comment = new Comment([{ kind: 'text', text: summary }]);
		project.registerReflection(module, undefined, undefined);
		project.addChild(module);
	}
}

/** What a base says that has a place of its own needs no second one; nobody makes errors but this package. */
function removeRepetitions(project: ProjectReflection): void {
	for (const reflection of project.getReflectionsByKind(ReflectionKind.ClassOrInterface)) {
		if (!(reflection instanceof DeclarationReflection)) continue;
		delete reflection.extendedBy;
		delete reflection.implementedTypes;
		for (const member of [...(reflection.children ?? [])]) {
			const [signature] = member.signatures ?? [];
			const isRepeated = (signature ?? member).inheritedFrom?.reflection !== undefined;
			const isMaking =
				member.kind === ReflectionKind.Constructor && reflection.name.endsWith('Error');
			if (isRepeated || isMaking) project.removeReflection(member);
			for (const of of [member, signature]) {
				if (of === undefined) continue;
				delete of.inheritedFrom;
				delete of.overwrites;
				delete of.implementationOf;
			}
		}
	}
}
