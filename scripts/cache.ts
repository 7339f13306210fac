import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder for what can be made again, from which the packages of a project are found: below its `node_modules`, or
 * where nothing can be written to that, one that is gone with this process.
 */
export function openCache(root: string): string {
	const packages = join(root, 'node_modules');
	const folder = join(packages, '.cache/destinations');
	try {
		mkdirSync(folder, { recursive: true });
		accessSync(folder, constants.W_OK);
		return folder;
	} catch {
		const temporary = mkdtempSync(join(tmpdir(), 'destinations-cache-'));
		symlinkSync(packages, join(temporary, 'node_modules'), 'junction');
		process.once('exit', () => rmSync(temporary, { recursive: true, force: true }));
		return temporary;
	}
}
