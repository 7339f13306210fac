/** What a NotFoundError says of a call that is about live destinations, deleted ones, or both. */
export function noSuchDestination(id: string, rows: 'live' | 'deleted' | 'all' = 'live'): string {
	return `There is no ${rows === 'all' ? '' : `${rows} `}destination ${id} in this scope.${rows === 'live' ? ' If it was deleted, restore it first.' : ''}`;
}
