const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether a text is a uuid as Postgres gives it back. */
export function isCanonicalUuid(text: unknown): boolean {
	return typeof text === 'string' && uuid.test(text);
}

/**
 * An id as Postgres gives it back. It takes a uuid in capitals, in braces and with fewer or no hyphens
 * (https://www.postgresql.org/docs/current/datatype-uuid.html); settings that were sealed to such a spelling
 * would never open again. What is no uuid is only put into lower case.
 */
export function canonicalId(id: string): string {
	if (isCanonicalUuid(id)) return id;
	const digits = /^\{?([0-9a-f-]{32,})\}?$/i.exec(id)?.[1]?.replaceAll('-', '').toLowerCase();
	if (digits?.length !== 32) return id.toLowerCase();
	return [
		digits.slice(0, 8),
		digits.slice(8, 12),
		digits.slice(12, 16),
		digits.slice(16, 20),
		digits.slice(20),
	].join('-');
}
