import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { place } from './place.cjs';

interface Manifest {
	readonly name: string;
	readonly version: string;
	readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** This package's own package.json: an import would have the bundle hold the whole of that file. */
export function packageManifest(): Manifest | undefined {
	for (let folder = place; folder !== dirname(folder); folder = dirname(folder)) {
		const manifest = manifestIn(folder);
		if (manifest?.name === '@consent-io/destinations') return manifest;
	}
	return undefined;
}

function manifestIn(folder: string): Manifest | undefined {
	try {
		return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
	} catch {
		return undefined;
	}
}
