import { randomFillSync } from 'node:crypto';

const pool = Buffer.alloc(10 * 256);
let offset = pool.length;

/**
 * A UUID of version 7 (RFC 9562, section 5.7): the milliseconds, then 74 random bits. Made by the
 * client, because settings are bound to the id before the row exists.
 */
export function uuidv7(): string {
	if (offset === pool.length) {
		randomFillSync(pool);
		offset = 0;
	}
	const random = pool.toString('hex', offset, offset + 10);
	offset += 10;
	const time = Date.now().toString(16).padStart(12, '0');
	// Two bits of the variant, then two random ones.
	const variant = (8 + (Number.parseInt(random.charAt(3), 16) & 3)).toString(16);
	return `${time.slice(0, 8)}-${time.slice(8)}-7${random.slice(0, 3)}-${variant}${random.slice(4, 7)}-${random.slice(7, 19)}`;
}
