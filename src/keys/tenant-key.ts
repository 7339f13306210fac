import { createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';

/** What encrypts and decrypts one organization's settings under one key of the key ring. */
export interface TenantKey {
	readonly keyId: string;
	readonly cipherKey: KeyObject;
	/** Stored in each envelope, because GCM alone lets one ciphertext open under two keys. */
	readonly commitment: string;
	/** The part of the additional authenticated data that is the same for the whole organization. */
	readonly boundTo: string;
}

/** Version of the envelope's format; part of what is authenticated. */
export const envelopeVersion = 1;
/** AES-256 in GCM, by its name in RFC 7518, section 5.3. */
export const envelopeAlgorithm = 'A256GCM';

const salt = 'consent-io/destinations/settings';

/**
 * Derives an organization's key with HKDF (RFC 5869). A key per organization keeps the number of
 * random nonces under one key far from the limit of 2^32 (NIST SP 800-38D, section 8.3), and a row
 * copied to another organization does not decrypt there.
 */
export function deriveTenantKey(key: Uint8Array, keyId: string, organizationId: string): TenantKey {
	const info = ['v1', keyId, organizationId].map(netstring).join('');
	const derived = Buffer.from(hkdfSync('sha512', key, salt, info, 64));
	const cipherKey = createSecretKey(derived.subarray(0, 32));
	const commitment = derived.toString('base64url', 32);
	// The key object has its own copy, which cannot be printed.
	derived.fill(0);
	return {
		keyId,
		cipherKey,
		commitment,
		boundTo: [
			String(envelopeVersion),
			envelopeAlgorithm,
			keyId,
			'destinations',
			'settings',
			organizationId,
		]
			.map(netstring)
			.join(''),
	};
}

/**
 * A text with its length before it, so that no two lists of texts join to the same one
 * (https://cr.yp.to/proto/netstrings.txt).
 */
export function netstring(text: string): string {
	return `${text.length}:${text},`;
}
