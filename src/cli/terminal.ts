import type { Output, Printer } from './printer.ts';

/** What the command line is given of its process, so that tests can give something else. */
export interface Process {
	readonly stdout: Output;
	readonly stderr: Output;
	readonly environment: Readonly<Record<string, string | undefined>>;
	/** The folder of the service. @defaultValue the one that the process is in */
	readonly folder?: string | undefined;
	/** Aborted by the first Ctrl-C. */
	readonly signal: AbortSignal;
}

/** What a command is given: it prints by printers alone. */
export interface Terminal extends Omit<Process, 'stdout' | 'stderr'> {
	readonly stdout: Printer;
	readonly stderr: Printer;
}

/** Exit statuses. A command that was stopped ends as the shell expects of SIGINT. */
export const exitStatus = { done: 0, failed: 1, usage: 2, stopped: 130 } as const;

export type ExitStatus = (typeof exitStatus)[keyof typeof exitStatus];
