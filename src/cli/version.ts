import { packageManifest } from '../setup/package-manifest.ts';

/** The version of this package. */
export function version(): string {
	return packageManifest()?.version ?? 'unknown';
}
