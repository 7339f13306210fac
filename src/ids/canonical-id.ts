/** A uuid as Postgres writes it; the pattern is one of Postgres's too. */
export const canonicalUuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a value is a uuid as Postgres writes it. */
export function isCanonicalUuid(value: unknown): boolean {
	return typeof value === 'string' && canonicalUuid.test(value);
}

/** In capitals, in braces, and with a hyphen, or none, after each group of four digits. */
const uuidAsRead = /^\{?(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}\}?$/i;

/**
 * An id as Postgres writes it. Postgres reads a uuid in several spellings
 * (https://www.postgresql.org/docs/current/datatype-uuid.html); settings that were bound to another one than it
 * writes would never open again. Any other text stays as it is.
 */
export function canonicalId(id: string): string {
	if (canonicalUuid.test(id) || !uuidAsRead.test(id)) return id;
	const digits = id.replaceAll(/[{}-]/g, '').toLowerCase();
	return [
		digits.slice(0, 8),
		digits.slice(8, 12),
		digits.slice(12, 16),
		digits.slice(16, 20),
		digits.slice(20),
	].join('-');
}
