/**
 * Runs before the demo, the tests and the benchmarks: says in one sentence what is missing, where they would end in
 * the stack of another program. CommonJS and old syntax, so that every version of Node can say so.
 */
const { accessSync, constants, existsSync, readFileSync, statSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { isAbsolute, join } = require('node:path');

const root = join(__dirname, '..');
const system = `${process.platform}-${process.arch}`;

/** @returns {string | undefined} what to do */
function findProblem() {
	const { node } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines;
	if (!node.split('||').some(admits)) {
		return `This is Node ${process.version}, and the package needs ${node}: install another, for example with \`nvm install --lts\`, and run \`npm ci\` again.`;
	}
	if (!isInstalled('tsx') || !isInstalled('jest') || !isInstalled('esbuild')) {
		return 'The development dependencies are not installed: run `npm ci`, without --omit=dev and with NODE_ENV unset.';
	}
	if (!isInstalled(`@esbuild/${system}`)) {
		return `The packages for this system, ${system}, are not installed; npm takes them for optional. Run \`npm ci --include=optional\` here.`;
	}
	if (!existsSync(join(root, 'src/generated/prisma/client.ts'))) {
		return 'The Prisma client is not generated, as after `npm ci --ignore-scripts`: run `npm run generate`.';
	}
	if (!canBeWrittenTo(tmpdir())) {
		return `Nothing can be written to ${tmpdir()}: set TMPDIR to the full path of a folder for temporary files${process.env.TMPDIR ? ', or unset it' : ''}.`;
	}
	return undefined;
}

/** @param {string} name */
function isInstalled(name) {
	return existsSync(join(root, 'node_modules', name, 'package.json'));
}

/**
 * Whether a part of `engines`, such as `^20.19` or `>=24`, admits this Node.
 *
 * @param {string} range
 */
function admits(range) {
	const [, operator, major, minor = '0'] = /(\^|>=)(\d+)(?:\.(\d+))?/.exec(range) || [];
	const [ownMajor = 0, ownMinor = 0] = process.versions.node.split('.').map(Number);
	if (ownMajor === Number(major)) return ownMinor >= Number(minor);
	return operator === '>=' && ownMajor > Number(major);
}

/** @param {string} folder */
function canBeWrittenTo(folder) {
	try {
		accessSync(folder, constants.W_OK | constants.X_OK);
		return isAbsolute(folder) && statSync(folder).isDirectory();
	} catch {
		return false;
	}
}

const problem = findProblem();
if (problem !== undefined) {
	process.stderr.write(`${problem}\n`);
	process.exitCode = 1;
}
