import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** Other processes. */
export interface Children extends AsyncDisposable {
	/** What each said when it was ready. */
	readonly ready: readonly unknown[];
	/** Sends all of them an order, and returns their answers. */
	ask<Answer>(order: object): Promise<Answer[]>;
}

/** Runs scripts of this folder, each in a process of its own, until they are disposed of. */
export async function startChildren(
	scripts: readonly (readonly [script: string, ...args: string[]])[],
): Promise<Children> {
	const children = scripts.map(([script, ...args]) =>
		fork(fileURLToPath(new URL(script, import.meta.url)), args, { execArgv: ['--import', 'tsx'] }),
	);
	const end = async () => {
		await Promise.all(
			children.map(async (child) => {
				if (child.exitCode !== null || child.signalCode !== null) return;
				const exited = once(child, 'exit');
				child.kill();
				await exited;
			}),
		);
	};
	try {
		const ready = await Promise.all(children.map(message));
		return {
			ready,
			async ask<Answer>(order: object): Promise<Answer[]> {
				const answers = Promise.all(children.map(message));
				for (const child of children) child.send(order);
				return answers as Promise<Answer[]>; // by what the scripts send
			},
			[Symbol.asyncDispose]: end,
		};
	} catch (error) {
		await end();
		throw error;
	}
}

function message(child: ChildProcess): Promise<unknown> {
	return new Promise((resolve, reject) => {
		const ended = () => reject(new Error('A process ended before it answered'));
		child.once('exit', ended);
		child.once('message', (answer) => {
			child.off('exit', ended);
			resolve(answer);
		});
	});
}
