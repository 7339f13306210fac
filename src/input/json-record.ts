/** Whether parsed JSON is an object, so that its members can be looked at. */
export function isJsonRecord(value: unknown): value is Record<string, unknown> {
	return typeof value === 'object' && value !== null && !Array.isArray(value);
}
