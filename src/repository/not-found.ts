/** What a NotFoundError about a destination says. */
export function noSuchDestination(id: string): string {
	return `There is no destination ${id} in this scope.`;
}
