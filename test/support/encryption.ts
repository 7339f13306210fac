import { randomBytes, randomUUID } from 'node:crypto';
import type { SettingsContext } from '../../src/encryption/envelope.ts';
import { SettingsEncryption } from '../../src/encryption/settings-encryption.ts';
import type { KeyProvider } from '../../src/keys/key-provider.ts';

/** A key ring of one new key. */
export function newKeys(id = '2026-11'): string {
	return `${id}:${randomBytes(32).toString('hex')}`;
}

/** Encryption with one new key. */
export function newEncryption(): SettingsEncryption {
	return new SettingsEncryption(newKeys());
}

export function newContext(): SettingsContext {
	return { organizationId: randomUUID(), destinationId: randomUUID(), type: 'posthog' };
}

export const envelopeMembers = ['v', 'alg', 'kid', 'kc', 'iv', 'ct'] as const;

/** An envelope with members changed, added or, by `undefined`, removed. */
export function changed(
	envelope: object,
	changes: Record<string, unknown>,
): Record<string, unknown> {
	return Object.fromEntries(
		Object.entries({ ...envelope, ...changes }).filter(([, value]) => value !== undefined),
	);
}

/** Puts the clock forward, where it then stands still, until `jest.restoreAllMocks()`. Timers run on. */
export function pass(seconds: number): void {
	const then = performance.now() + seconds * 1000;
	jest.spyOn(performance, 'now').mockReturnValue(then);
}

/** The code of the error with which work fails. */
export async function codeOf(work: Promise<unknown>): Promise<unknown> {
	return work.then(
		() => undefined,
		(error: { code?: unknown }) => error.code,
	);
}

/** A provider of made-up keys, each its own by id and organization, that notes what it is asked. */
export function countingProvider(changes: Partial<KeyProvider> = {}) {
	const asked: string[] = [];
	const chosen: string[] = [];
	const keys = new Map<string, Uint8Array>();
	const provider: KeyProvider = {
		cacheSeconds: 60,
		primaryKeyId: async (organizationId) => {
			chosen.push(organizationId);
			return 'one';
		},
		getKey: async (keyId, organizationId) => {
			const name = `${keyId}/${organizationId}`;
			asked.push(name);
			const key = keys.get(name) ?? randomBytes(32);
			keys.set(name, key);
			return key;
		},
		...changes,
	};
	return { provider, asked, chosen, keys };
}
