import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { escapeIdentifier, escapeLiteral } from 'pg';

/** A script of prisma/grants as psql sends it: `:"name"` and `:'name'` replaced, comments left out. */
export async function grantScript(
	name: string,
	variables: Record<string, string> = {},
): Promise<string> {
	const text = await readFile(join(process.cwd(), 'prisma/grants', name), 'utf8');
	const value = (variable: string) => {
		const given = variables[variable];
		if (given === undefined) throw new Error(`${name} asks for ${variable}`);
		return given;
	};
	return text
		.replace(/^--.*$/gm, '')
		.replace(/:"(\w+)"/g, (_, variable) => escapeIdentifier(value(variable)))
		.replace(/:'(\w+)'/g, (_, variable) => escapeLiteral(value(variable)));
}
