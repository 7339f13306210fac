import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RotationOrder, RotationReport } from './rotating-process.ts';

/** Rotates in a process of its own, which stays for several rotations. */
export async function startRotator() {
	const child = fork(fileURLToPath(new URL('rotating-process.ts', import.meta.url)), {
		execArgv: ['--import', 'tsx'],
	});
	const died = once(child, 'exit').then(() => {
		throw new Error('The rotating process ended');
	});
	died.catch(() => {});
	/** The next message; the process sends them in the order in which they are awaited here. */
	const message = async () => (await Promise.race([once(child, 'message'), died]))[0];
	await message();
	return {
		/** Resolves when the first rows are rotated; `ended` when all that was ordered is. */
		async rotate(order: RotationOrder): Promise<{ ended: Promise<RotationReport> }> {
			const underWay = message();
			child.send(order);
			await underWay;
			return { ended: message() };
		},
		/** Ends the rotation under way behind its page. */
		stop: () => child.send('stop'),
		kill: () => child.kill(),
	};
}
