/** What an error says. A host with several addresses fails with one error for each and no message of its own. */
export function messageOf(error: unknown): string {
	if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
	return error instanceof Error ? error.message : String(error);
}
