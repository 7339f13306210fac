import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Copies files and folders into a folder, which takes no time where it can be done by hard links. They share what is
 * in the files: whoever uses the copy may remove files and put others in their place, and change none.
 */
export async function copyByLinks(paths: readonly string[], folder: string): Promise<void> {
	await mkdir(folder, { recursive: true });
	try {
		await promisify(execFile)('cp', ['-al', ...paths, folder]);
	} catch {
		// Another file system, or a system without that option.
		for (const path of paths) {
			const to = join(folder, basename(path));
			await cp(path, to, { recursive: true, verbatimSymlinks: true });
		}
	}
}
