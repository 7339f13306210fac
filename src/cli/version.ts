import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { place } from '../setup/place.cjs';

/** The version of this package, from its own package.json: an import would have the bundle hold the whole of that file. */
export function version(): string {
	for (let folder = place; folder !== dirname(folder); folder = dirname(folder)) {
		const manifest = manifestIn(folder);
		if (manifest?.name === '@consent-io/destinations') return manifest.version;
	}
	return 'unknown';
}

function manifestIn(folder: string): { name: string; version: string } | undefined {
	try {
		return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
	} catch {
		return undefined;
	}
}
