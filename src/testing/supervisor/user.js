import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Failure } from './failure.js';

const run = promisify(execFile);

/**
 * Whom the processes of Postgres run as, as options of `spawn`: as this process, or for root, as which Postgres
 * refuses to run, a user that every system has. None is created: that would change a machine that is not ours.
 *
 * @typedef {{ readonly uid?: number, readonly gid?: number }} User
 */

const unprivileged = ['postgres', 'nobody'];

/** @returns {Promise<User>} */
export async function findUser() {
	if (process.getuid?.() !== 0) return {};
	const reasons = [];
	for (const name of unprivileged) {
		try {
			const user = { uid: await idOf('-u', name), gid: await idOf('-g', name) };
			// A container may keep root from becoming somebody else, or not know the user id.
			await run('/bin/sh', ['-c', ':'], { ...user, cwd: '/' });
			return user;
		} catch (error) {
			const { stderr, message } = /** @type {Error & { stderr?: string }} */ (error);
			reasons.push((stderr || message).trim());
		}
	}
	throw new Failure(
		`Postgres does not run as root, and root can run nothing here as ${unprivileged.join(' or ')} (${reasons.join('; ')}). Run the command as an ordinary user, create one with \`useradd --system postgres\`, or set TEST_POSTGRES to the URL of a server.`,
	);
}

/**
 * @param {'-u' | '-g'} which
 * @param {string} name
 */
async function idOf(which, name) {
	const { stdout } = await run('id', [which, name]);
	return Number(stdout);
}

/**
 * Whether the user can enter a directory, which is not the same as its mode: every directory above counts, and
 * access control lists.
 *
 * @param {string} directory
 * @param {User} user
 */
export async function canEnter(directory, user) {
	if (user.uid === undefined) return true;
	const entered = run('/bin/sh', ['-c', 'cd -- "$1"', 'sh', directory], { ...user, cwd: '/' });
	return entered.then(
		() => true,
		() => false,
	);
}
