/** What a command is given of its process, so that tests can give something else. */
export interface Terminal {
	readonly stdout: Output;
	readonly stderr: Output;
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** Aborted by the first Ctrl-C. */
	readonly signal: AbortSignal;
}

export interface Output {
	/** Whether somebody watches: a line can be redrawn then. */
	readonly isTTY?: boolean | undefined;
	readonly columns?: number | undefined;
	write(text: string): unknown;
}

/** Exit statuses. A command that was stopped ends as the shell expects of SIGINT. */
export const exitStatus = { done: 0, failed: 1, usage: 2, stopped: 130 } as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];
