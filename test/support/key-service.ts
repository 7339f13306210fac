import { randomBytes } from 'node:crypto';
import { UnknownKeyError } from '../../src/errors.ts';
import type { KeyProvider } from '../../src/keys/key-provider.ts';

const k1 = randomBytes(32);

/** A key service that a test can slow down, break, repair, and make forget. */
export class KeyService implements KeyProvider {
	cacheSeconds = 0;
	timeoutSeconds = 0.2;
	keys = new Map<string, Uint8Array>([['k1', k1]]);
	primary = 'k1';
	behave: () => Promise<void> = async () => {};
	calls: string[] = [];

	/** Ends what a test did to its answers and to its first key. */
	repair(): void {
		this.behave = async () => {};
		this.keys.set('k1', k1);
	}

	async primaryKeyId(organizationId: string): Promise<string> {
		this.calls.push(`primary ${organizationId}`);
		await this.behave();
		return this.primary;
	}

	async getKey(keyId: string, organizationId: string): Promise<Uint8Array> {
		this.calls.push(`${keyId} ${organizationId}`);
		await this.behave();
		const key = this.keys.get(keyId);
		if (key === undefined) throw new UnknownKeyError(`no ${keyId}`);
		return key;
	}
}
