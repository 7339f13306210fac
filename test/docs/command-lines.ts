import { codeBlocks, type Document, documents } from './markdown.ts';

/** A command that a document tells to type. */
export interface CommandLine {
	readonly path: string;
	/** Without its comment, and with what stands on the next lines after a backslash. */
	readonly line: string;
}

const languages = ['sh', 'bash', 'console', 'shell', 'zsh'];

/** Every command of the documents, in their order, but for those that are made from the sources. */
export function commandLines(
	from: readonly Document[] = documents().filter(({ path }) => !path.startsWith('docs/api/')),
): CommandLine[] {
	return from.flatMap((document) =>
		codeBlocks(document)
			.filter(({ language }) => languages.includes(language))
			.flatMap(({ code }) => linesOf(code))
			.map((line) => ({ path: document.path, line })),
	);
}

/** The commands of one block. */
function linesOf(code: string): string[] {
	return code
		.replace(/\\\n\s*/g, '')
		.split('\n')
		.map((line) => line.replace(/(^|\s)#.*$/, '').trim())
		.filter((line) => line !== '');
}

/** The commands of a document that are, or else begin with, one of these, word for word. Each has to be there. */
export function commandsOf(path: string, ...beginnings: readonly string[]): string[] {
	const own = commandLines().filter((command) => command.path === path);
	return beginnings.flatMap((beginning) => {
		const lines = own.map(({ line }) => line);
		const found = lines.includes(beginning)
			? [beginning]
			: lines.filter((line) => line.startsWith(beginning));
		if (found.length === 0) throw new Error(`${path} has no command that begins: ${beginning}`);
		return [...new Set(found)];
	});
}
