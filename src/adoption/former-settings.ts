import { createDecipheriv, createHash } from 'node:crypto';
import { ConfigurationError } from '../errors.ts';
import { isPlainObject } from '../input/plain-object.ts';

/** What an earlier application wrote for encrypted settings: hexadecimal, all three. */
export interface FormerEnvelope {
	readonly encrypted: string;
	readonly iv: string;
	readonly tag: string;
}

const hex = /^(?:[0-9a-f]{2})*$/i;
const algorithm = 'aes-256-gcm';
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
/** What every such row was encrypted with, whoever's it is. */
const additionalData = Buffer.from('destinations-settings');

/** Whether settings are encrypted as `{ encrypted, iv, tag }`. No type of destination has settings of these names. */
export function isFormerEnvelope(settings: unknown): settings is FormerEnvelope {
	if (!isPlainObject(settings)) return false;
	const { encrypted, iv, tag } = settings;
	return (
		Object.keys(settings).length === 3 &&
		[encrypted, iv, tag].every((part) => typeof part === 'string' && hex.test(part)) &&
		String(tag).length === tagBytes * 2
	);
}

/** Decrypts what was encrypted as `{ encrypted, iv, tag }` with one key for all rows. */
export class FormerSealing {
	readonly #ways: readonly ((iv: Buffer) => readonly [key: Buffer, nonce: Buffer])[];

	/** @param key 64 hexadecimal digits. @throws ConfigurationError for anything else; it does not repeat it. */
	constructor(key: string) {
		if (!/^[0-9a-f]{64}$/i.test(key)) {
			throw new ConfigurationError(
				'DESTINATIONS_FORMER_KEY must be the 64 hexadecimal digits of the key that encrypted the settings so far.',
			);
		}
		const bytes = Buffer.from(key, 'hex');
		const derived = derivedByPassword(bytes);
		this.#ways = [
			(iv) => [bytes, iv],
			// `createCipher` took the key for a password, and made key and nonce of it: the `iv` beside was never used.
			() => [derived.subarray(0, keyBytes), derived.subarray(keyBytes)],
		];
	}

	/** The JSON that was encrypted; undefined where the key does not decrypt it. */
	open({ encrypted, iv, tag }: FormerEnvelope): string | undefined {
		for (const way of this.#ways) {
			try {
				const [key, nonce] = way(Buffer.from(iv, 'hex'));
				const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes });
				decipher.setAAD(additionalData);
				decipher.setAuthTag(Buffer.from(tag, 'hex'));
				return decipher.update(encrypted, 'hex', 'utf8') + decipher.final('utf8');
			} catch {
				// Not in this way: the tag says so.
			}
		}
		return undefined;
	}
}

/** OpenSSL's EVP_BytesToKey with MD5, no salt and one round, by which Node's `createCipher` worked up to Node 21. */
function derivedByPassword(password: Buffer): Buffer {
	let derived = Buffer.alloc(0);
	let block = Buffer.alloc(0);
	while (derived.length < keyBytes + nonceBytes) {
		block = createHash('md5').update(block).update(password).digest();
		derived = Buffer.concat([derived, block]);
	}
	return derived.subarray(0, keyBytes + nonceBytes);
}
