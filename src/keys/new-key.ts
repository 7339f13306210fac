import { randomBytes } from 'node:crypto';
import { keyBytes } from './key-provider.ts';

/** A new key as it stands in DESTINATIONS_ENCRYPTION_KEYS, by default under today's year and month. */
export function newKey(id = new Date().toISOString().slice(0, 7)): string {
	return `${id}:${randomBytes(keyBytes).toString('hex')}`;
}
