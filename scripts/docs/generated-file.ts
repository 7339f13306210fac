import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The project's folder, with a slash behind it. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** A document that is made from the sources. */
export interface GeneratedFile {
	/** From the project's folder on. */
	readonly path: string;
	readonly text: string;
}

/** As the formatter writes it, so that `npm run lint` has nothing to say. */
export function formatted({ path, text }: GeneratedFile): GeneratedFile {
	const biome = createRequire(import.meta.url).resolve('@biomejs/biome/bin/biome');
	const { status, stdout, stderr } = spawnSync(
		process.execPath,
		[biome, 'format', `--stdin-file-path=${path}`],
		{ cwd: root, input: text, encoding: 'utf8' },
	);
	if (status !== 0) throw new Error(`biome could not format ${path}: ${stderr}`);
	return { path, text: stdout };
}
