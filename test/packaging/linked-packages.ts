import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { copyByLinks } from '../support/linked-copy.ts';
import { root } from './made-once.ts';

interface Locked {
	readonly dependencies?: Record<string, string>;
	readonly optionalDependencies?: Record<string, string>;
	readonly peerDependencies?: Record<string, string>;
	readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }>;
}

/**
 * Puts packages that this project has into a folder, with all that they need, so that npm does not have to unpack
 * them there: it checks that they fit, and adds what is missing. That saves it most of its twenty seconds.
 */
export async function linkPackages(names: readonly string[], folder: string): Promise<void> {
	const { packages }: { packages: Record<string, Locked> } = JSON.parse(
		await readFile(join(root, 'package-lock.json'), 'utf8'),
	);
	const found = new Set<string>();
	const add = (from: string, name: string): void => {
		const place = placeOf(packages, from, name);
		// What is optional may be of another system.
		if (place === undefined || found.has(place) || !existsSync(join(root, place))) return;
		found.add(place);
		for (const needed of neededBy(packages[place])) add(place, needed);
	};
	for (const name of names) add('', name);

	// Those within the folder of another package come with it.
	const outer = [...found].filter((place) => place.lastIndexOf('node_modules/') === 0);
	for (const scope of new Set(outer.map((place) => dirname(place)))) {
		const inScope = outer.filter((place) => dirname(place) === scope);
		await copyByLinks(
			inScope.map((place) => join(root, place)),
			join(folder, scope),
		);
	}
	await copyByLinks([join(root, 'node_modules/.bin')], join(folder, 'node_modules'));
}

function neededBy({
	dependencies,
	optionalDependencies,
	peerDependencies = {},
	peerDependenciesMeta = {},
}: Locked = {}): string[] {
	const peers = Object.keys(peerDependencies).filter(
		(name) => !peerDependenciesMeta[name]?.optional,
	);
	return [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers];
}

/** Where a package finds another, as Node looks for it: below itself, then below each folder above. */
function placeOf(packages: Record<string, Locked>, from: string, name: string): string | undefined {
	const place = `${from === '' ? '' : `${from}/`}node_modules/${name}`;
	if (place in packages) return place;
	if (from === '') return undefined;
	return placeOf(packages, from.slice(0, Math.max(0, from.lastIndexOf('/node_modules/'))), name);
}
