import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { succeed } from './command.ts';
import { hashOf, madeOnce, root } from './made-once.ts';

const madeFrom = [
	'package.json',
	'package-lock.json',
	'tsconfig.json',
	'tsup.config.ts',
	'README.md',
	'CHANGELOG.md',
	'SECURITY.md',
	'docs',
	'prisma',
	'src',
];

async function folder(): Promise<string> {
	return madeOnce('packed', await hashOf(...madeFrom), async (unfinished) => {
		const tree = join(unfinished, 'tree');
		await mkdir(tree);
		for (const path of madeFrom) {
			await cp(join(root, path), join(tree, path), { recursive: true });
		}
		await succeed(
			[
				'node',
				'node_modules/tsup/dist/cli-default.js',
				'--silent',
				'--out-dir',
				join(tree, 'dist'),
			],
			{ cwd: root },
		);
		// Its scripts would build into the tree of the project, and need what is installed there.
		const pack = ['npm', 'pack', '--ignore-scripts', '--pack-destination', unfinished] as const;
		const name = (await succeed([...pack], { cwd: tree })).trim();
		await rename(join(unfinished, name), join(unfinished, 'package.tgz'));
		await rm(tree, { recursive: true });
		await succeed(['tar', '-xzf', 'package.tgz'], { cwd: unfinished });
	});
}

/**
 * The tarball that `npm publish` would send, built and packed once for all test files. `dist` is left alone,
 * which others may be using.
 */
export async function packed(): Promise<string> {
	return join(await folder(), 'package.tgz');
}

/** A folder with what is in the tarball, to be read. */
export async function unpacked(): Promise<string> {
	return join(await folder(), 'package');
}
