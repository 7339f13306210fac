import { appendFile, chmod, readFile, stat } from 'node:fs/promises';

/** Read and written by its owner alone. */
const ownerOnly = 0o600;

/** The variables of an `.env` file. Nothing if there is no file. */
export async function readEnvFile(file: string): Promise<ReadonlyMap<string, string>> {
	return new Map(
		[...(await textOf(file)).matchAll(assignment)].map(([, name = '', value = '']) => [
			name,
			unquoted(value.trim()),
		]),
	);
}

/**
 * Adds variables to an `.env` file, or makes one. What is there stays as it is; nobody but its owner may read it from
 * then on.
 *
 * @returns whether others could read it before.
 */
export async function addToEnvFile(
	file: string,
	variables: ReadonlyMap<string, string>,
): Promise<{ readonly wasOpenToOthers: boolean }> {
	const before = await textOf(file);
	const mode = await stat(file).then(
		({ mode }) => mode & 0o777,
		() => ownerOnly,
	);
	// Before there is a secret in it.
	if (mode !== ownerOnly) await chmod(file, ownerOnly);
	const separator = before === '' || before.endsWith('\n') ? '' : '\n';
	await appendFile(file, `${separator}${linesOf(variables)}`, { mode: ownerOnly });
	return { wasOpenToOthers: (mode & 0o077) !== 0 };
}

/** Variables as lines of an `.env` file. */
export function linesOf(variables: ReadonlyMap<string, string>): string {
	return [...variables].map(([name, value]) => `${name}=${quoted(value)}\n`).join('');
}

const assignment = /^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=(.*)$/gm;

/** Shells, Node and dotenv read both forms alike; Docker takes quotes for part of the value, so there are none without need. */
function quoted(value: string): string {
	return /^[\w:/@.,%+=-]*$/.test(value) ? value : `'${value}'`;
}

function unquoted(value: string): string {
	const [, , inside] = /^(['"])(.*)\1$/.exec(value) ?? [];
	return inside ?? value;
}

async function textOf(file: string): Promise<string> {
	try {
		return await readFile(file, 'utf8');
	} catch (error) {
		if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return '';
		throw error;
	}
}
