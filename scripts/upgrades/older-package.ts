import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cache, root } from '../build-package.ts';
import { Untried } from './case.ts';

/**
 * What the package is upgraded from: the tag of the last release. Before the first one, the commit that edited a migration
 * last: its database is the one that the newer package expects.
 */
export const olderCommit =
	firstLine('tag', '--merged', 'HEAD', '--list', 'v[1-9]*', '--sort=-version:refname') ||
	firstLine('log', '--max-count=1', '--format=%h', '--', 'prisma/migrations');

function firstLine(...args: string[]): string {
	return execFileSync('git', args, { cwd: root, encoding: 'utf8' }).split('\n')[0] ?? '';
}

/** A folder with what is in the tarball of {@link olderCommit}. @throws Untried where the clone does not have it */
export function olderPackage(): string {
	const folder = join(cache, `upgrades-${olderCommit}`);
	const found = join(folder, 'package');
	if (existsSync(found)) return found;
	if (spawnSync('git', ['cat-file', '-e', `${olderCommit}^{commit}`], { cwd: root }).status !== 0) {
		throw new Untried(`this clone does not have ${olderCommit}: git fetch --unshallow`);
	}
	const unfinished = `${folder}.${process.pid}`;
	const tree = join(unfinished, 'tree');
	mkdirSync(tree, { recursive: true });
	try {
		const archive = execFileSync('git', ['archive', olderCommit], {
			cwd: root,
			maxBuffer: 1024 ** 3,
		});
		execFileSync('tar', ['-x'], { cwd: tree, input: archive });
		// Its packages are found above it.
		const node = (...args: string[]) => execFileSync(process.execPath, args, { cwd: tree });
		node(join(root, 'node_modules/prisma/build/index.js'), 'generate');
		node(join(root, 'node_modules/tsup/dist/cli-default.js'), '--silent');
		const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', unfinished];
		const name = execFileSync('npm', pack, { cwd: tree, encoding: 'utf8' }).trim();
		execFileSync('tar', ['-xzf', name], { cwd: unfinished });
		rmSync(tree, { recursive: true });
		renameSync(unfinished, folder);
	} finally {
		rmSync(unfinished, { recursive: true, force: true });
	}
	return found;
}
