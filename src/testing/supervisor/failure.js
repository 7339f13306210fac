/** A reason why no Postgres can be started, in whole sentences that say what to do. */
export class Failure extends Error {}

const instead = 'set TEST_POSTGRES to the URL of a server';

/** What processes of Postgres, and the system, say of which more can be told than they do. */
const known = [
	{
		said: /No space left on device|ENOSPC|EDQUOT|Disk quota exceeded/,
		todo: 'It needs 300 MB for its files; free some, or set TMPDIR to a folder that has them.',
	},
	{
		said: /could not look up effective user ID/,
		todo: `Postgres needs a name for the user that it runs as: give this user id a line in /etc/passwd, run as another user, or ${instead}.`,
	},
	{
		said: /error while loading shared libraries|Library not loaded/,
		todo: `Install the library that is missing, or ${instead}.`,
	},
	{
		said: /could not (create|map) .*shared memory|semget|shmget/,
		todo: `Give this machine or container more shared memory, or ${instead}.`,
	},
];

/**
 * @param {unknown} error
 * @returns {string} one paragraph, without a stack
 */
export function reasonOf(error) {
	if (error instanceof Failure) return error.message;
	const words = (error instanceof Error ? error.message : String(error))
		.trim()
		.replace(/\s+/g, ' ');
	const todo =
		known.find(({ said }) => said.test(words))?.todo ?? `Remove the reason, or ${instead}.`;
	return `The embedded Postgres did not start: ${words}${/[.!?]$/.test(words) ? '' : '.'} ${todo}`;
}
