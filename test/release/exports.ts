import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

interface EntryPoint {
	readonly types?: string;
	readonly import?: { readonly types: string };
}

/**
 * What each entry point of the package exports, a line each, with the members that its users name:
 * of classes and interfaces, and of unions of strings such as the errors' codes.
 */
export function describeExports(root: string): string {
	const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
	const entries = Object.entries<EntryPoint>(exports).flatMap(([name, entry]) => {
		const types = entry.import?.types ?? entry.types;
		return types === undefined ? [] : [{ name, file: join(root, sourceOf(types)) }];
	});
	const { options } = ts.parseJsonConfigFileContent(
		ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config,
		ts.sys,
		root,
	);
	const program = ts.createProgram(
		entries.map(({ file }) => file),
		options,
	);
	const checker = program.getTypeChecker();
	const names = new NamesOfExports(checker, join(root, 'src'));
	return entries
		.map(({ name, file }) => {
			const source = program.getSourceFile(file);
			const module = source && checker.getSymbolAtLocation(source);
			if (module === undefined) throw new Error(`${relative(root, file)} exports nothing`);
			const lines = checker.getExportsOfModule(module).map((symbol) => names.line(symbol));
			return `${name}\n${lines.sort().join('')}`;
		})
		.join('\n');
}

/** What an entry point was built from; JavaScript that is published as it is has types beside it. */
function sourceOf(types: string): string {
	return types.replace(/^\.\/dist\/(.*)\.d\.ts$/, 'src/$1.ts');
}

class NamesOfExports {
	readonly #checker: ts.TypeChecker;
	readonly #sources: string;

	constructor(checker: ts.TypeChecker, sources: string) {
		this.#checker = checker;
		this.#sources = sources;
	}

	line(exported: ts.Symbol): string {
		const symbol =
			exported.flags & ts.SymbolFlags.Alias ? this.#checker.getAliasedSymbol(exported) : exported;
		const members = [...this.#literals(symbol), ...this.#members(symbol)].sort();
		const list = members.length === 0 ? '' : ` { ${members.join(', ')} }`;
		return `  ${exported.name}: ${kindOf(symbol)}${list}\n`;
	}

	#literals(symbol: ts.Symbol): string[] {
		if (!(symbol.flags & ts.SymbolFlags.TypeAlias)) return [];
		const type = this.#checker.getDeclaredTypeOfSymbol(symbol);
		const types = type.isUnion() ? type.types : [type];
		return types.every((member) => member.isStringLiteral())
			? types.flatMap((member) => (member.isStringLiteral() ? [`'${member.value}'`] : []))
			: [];
	}

	#members(symbol: ts.Symbol): string[] {
		if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))) return [];
		const own = this.#checker.getDeclaredTypeOfSymbol(symbol).getProperties();
		const statics =
			symbol.flags & ts.SymbolFlags.Class
				? this.#checker.getTypeOfSymbol(symbol).getProperties()
				: [];
		return [...own, ...statics]
			.filter((member) => this.#isOurs(member))
			.map(({ name }) => name.replace(/^__@(\w+)@\d+$/, '[Symbol.$1]'));
	}

	/** Not inherited from another package, and not private. */
	#isOurs(member: ts.Symbol): boolean {
		return (member.declarations ?? []).some(
			(declaration) =>
				declaration.getSourceFile().fileName.startsWith(this.#sources) &&
				!(ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Private) &&
				!isHashPrivate(declaration),
		);
	}
}

function kindOf({ flags }: ts.Symbol): string {
	if (flags & ts.SymbolFlags.Class) return 'class';
	if (flags & ts.SymbolFlags.Function) return 'function';
	if (flags & ts.SymbolFlags.Value) return 'value';
	return 'type';
}

function isHashPrivate(declaration: ts.Declaration): boolean {
	const name = ts.getNameOfDeclaration(declaration);
	return name !== undefined && ts.isPrivateIdentifier(name);
}
