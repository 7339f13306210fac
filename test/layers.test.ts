import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative, sep } from 'node:path';

const root = join(__dirname, '..');

/**
 * Which folder of `src/` may import from which, types included. What is not listed may not: a folder knows those
 * below it, and nothing of those above.
 */
const allowed: Readonly<Record<string, readonly string[]>> = {
	errors: [],
	ids: [],
	input: ['errors', 'ids'],
	telemetry: ['errors'],
	database: ['errors', 'ids', 'input', 'telemetry'],
	destinations: ['errors', 'input'],
	keys: ['errors', 'ids', 'input', 'database'],
	// Of destinations only what counts where nothing is stored.
	encryption: ['errors', 'ids', 'input', 'destinations', 'keys'],
	repository: ['errors', 'ids', 'input', 'telemetry', 'database', 'destinations', 'encryption'],
	loading: ['errors', 'input', 'telemetry', 'database', 'destinations', 'encryption'],
	'prisma/driver': ['database'],
	'prisma/extension': [
		'errors',
		'ids',
		'input',
		'database',
		'destinations',
		'encryption',
		'generated',
	],
	'prisma/scoped': [
		'errors',
		'input',
		'telemetry',
		'database',
		'encryption',
		'prisma/extension',
		'generated',
	],
	// The one place where the repository and Prisma meet.
	client: [
		'errors',
		'input',
		'telemetry',
		'database',
		'destinations',
		'encryption',
		'repository',
		'prisma/driver',
		'prisma/extension',
		'prisma/scoped',
		'generated',
	],
	rotation: ['errors', 'input', 'telemetry', 'database', 'keys', 'encryption'],
	retention: ['errors', 'input', 'database', 'repository', 'rotation'],
	doctor: ['errors', 'ids', 'input', 'database', 'keys', 'rotation'],
	adoption: [
		'errors',
		'input',
		'database',
		'destinations',
		'keys',
		'encryption',
		'rotation',
		'doctor',
	],
	setup: ['errors', 'input', 'keys'],
	cli: [
		'errors',
		'ids',
		'input',
		'database',
		'keys',
		'rotation',
		'retention',
		'doctor',
		'adoption',
		'setup',
	],
	// Runs in browsers: test/contracts tries it.
	contracts: ['input', 'destinations'],
	testing: ['errors', 'input', 'destinations', 'client'],
};

/** Files that may import a package which others must not know. */
const onlyIn: Readonly<Record<string, RegExp>> = {
	pg: /^(database|keys\/kms|loading\/options|doctor|rotation|retention\/options|adoption|setup|testing|client|prisma\/driver)\b/,
	'@opentelemetry/api': /^telemetry\/open-telemetry\.ts$/,
	'@prisma/client': /^prisma\//,
	'@prisma/driver-adapter-utils': /^prisma\/driver\//,
};

interface Import {
	readonly from: string;
	/** A file of `src/`, or the name of a package. */
	readonly to: string;
	readonly isFile: boolean;
}

function importsOf(file: string): Import[] {
	const text = readFileSync(join(root, 'src', file), 'utf8');
	const specifiers = text.matchAll(/(?:\bfrom\s*|\bimport\s*\(?\s*)'([^']+)'/g);
	return [...specifiers].map(([, specifier = '']) => ({
		from: file,
		isFile: specifier.startsWith('.'),
		to: specifier.startsWith('.')
			? posix.normalize(posix.join(posix.dirname(file), specifier))
			: specifier,
	}));
}

function folderOf(file: string): string {
	const [outer = '', inner = ''] = file.split('/');
	return outer === 'prisma' ? `${outer}/${inner}` : outer.replace(/\.ts$/, '');
}

const files = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
	.filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
	.map((entry) => relative(join(root, 'src'), join(entry.parentPath, entry.name)))
	.map((path) => path.split(sep).join('/'))
	.filter((path) => !path.startsWith('generated/') && path !== 'index.ts');
const imports = files.flatMap(importsOf);
const arrows = imports
	.filter(({ isFile }) => isFile)
	.map(({ from, to }) => ({ from: folderOf(from), to: folderOf(to) }))
	.filter(({ from, to }) => from !== to);

test.each(Object.entries(allowed))('%s imports what it may', (folder, below) => {
	const seen = new Set(arrows.filter(({ from }) => from === folder).map(({ to }) => to));
	// An arrow that is gone leaves the list too, so that nobody brings it back unseen.
	expect([...seen].sort()).toEqual([...below].sort());
});

test('every file is in one of these folders', () => {
	expect([...new Set(files.map(folderOf))].sort()).toEqual(Object.keys(allowed).sort());
});

test.each(Object.entries(onlyIn))('only where it belongs is %s imported', (name, places) => {
	const importing = imports.filter(({ to }) => to === name || to.startsWith(`${name}/`));
	expect(importing.length).toBeGreaterThan(0);
	expect(importing.filter(({ from }) => !places.test(from))).toEqual([]);
});

test('nothing comes before what it needs: the folders have an order', () => {
	const placed = new Set(['generated']);
	for (const [folder, below] of Object.entries(allowed)) {
		expect([folder, below.filter((other) => !placed.has(other))]).toEqual([folder, []]);
		placed.add(folder);
	}
});
