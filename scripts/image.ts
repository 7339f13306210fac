/**
 * Builds the image of `examples/service`, where there is an engine, and asks it for its health. Without one it says so, and
 * fails under `--required`.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const image = 'consent-io-destinations-example';

const engine = ['docker', 'podman'].find(
	(name) => spawnSync(name, ['info'], { stdio: 'ignore' }).status === 0,
);
if (engine === undefined) {
	process.stderr.write('SKIPPED: there is no engine here that builds images (docker, podman).\n');
	process.exit(process.argv.includes('--required') ? 1 : 0);
}

const context = mkdtempSync(join(tmpdir(), 'image-'));
try {
	const example = join(root, 'examples/service');
	for (const name of readdirSync(example)) {
		if (name === 'node_modules') continue;
		cpSync(join(example, name), join(context, name), { recursive: true });
	}
	// What a registry would have.
	const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', context];
	const tarball = execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }).trim();
	const manifest = JSON.parse(readFileSync(join(context, 'package.json'), 'utf8'));
	manifest.dependencies['@consent-io/destinations'] = `file:${tarball}`;
	writeFileSync(join(context, 'package.json'), JSON.stringify(manifest));
	const dockerfile = readFileSync(join(context, 'Dockerfile'), 'utf8');
	writeFileSync(
		join(context, 'Dockerfile'),
		dockerfile.replaceAll('package-lock.json .npmrc*', `package-lock.json ${tarball} .npmrc*`),
	);
	const lock = ['install', '--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund'];
	execFileSync('npm', lock, { cwd: context, stdio: 'inherit' });
	execFileSync(engine, ['build', '--tag', image, context], { stdio: 'inherit' });
	// Without its variables it says which are missing, and does not start: its own code ran.
	const ended = spawnSync(engine, ['run', '--rm', image], { encoding: 'utf8' });
	if (!ended.stderr.includes('DATABASE_URL')) throw new Error(ended.stderr);
	const size = ['image', 'inspect', image, '--format', '{{.Size}}'];
	const bytes = Number(execFileSync(engine, size, { encoding: 'utf8' }));
	process.stdout.write(`${image}: ${Math.round(bytes / 1e6)} MB\n`);
} finally {
	rmSync(context, { recursive: true, force: true });
}
