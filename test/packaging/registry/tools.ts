import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { succeed } from '../command.ts';
import { hashOf, madeOnce } from '../made-once.ts';

const manifest = 'test/packaging/registry/package.json';

/**
 * The folder of verdaccio, and of the Node that it needs, which is newer than the oldest of this package. An
 * override of the manifest is for registries that keep no tag but `latest`: one of its packages asks for another.
 */
export async function registryTools(): Promise<string> {
	return madeOnce('registry', await hashOf(manifest), async (folder) => {
		await copyFile(join(__dirname, 'package.json'), join(folder, 'package.json'));
		const install = ['npm', 'install', '--prefer-offline', '--no-audit', '--no-fund'] as const;
		await succeed([...install, '--no-package-lock', '--fetch-retries=1'], { cwd: folder }).catch(
			(cause) => {
				throw new Error(
					'verdaccio could not be fetched, so nothing was published. This test needs an npm registry: see `npm config get registry`.',
					{ cause },
				);
			},
		);
	});
}
