/**
 * `failure`: something does not work, or does not protect. `warning`: it works, and somebody should look.
 * `note`: good to know.
 */
export type Severity = 'ok' | 'note' | 'warning' | 'failure';

/** One thing that was looked at, and what came of it. */
export interface Finding {
	readonly severity: Severity;
	readonly message: string;
	/** What the message begins with, where findings may differ by that alone: the name of a login. */
	readonly subject?: string;
	/** What to do about it. */
	readonly fix?: string;
	/** Statements that do it. */
	readonly sql?: string;
}

export interface Fix {
	readonly subject?: string;
	readonly fix?: string;
	readonly sql?: string;
}

export const ok = (message: string): Finding => ({ severity: 'ok', message });
export const note = (message: string, fix: Fix = {}): Finding => finding('note', message, fix);
export const warning = (message: string, fix: Fix): Finding => finding('warning', message, fix);
export const failure = (message: string, fix: Fix): Finding => finding('failure', message, fix);

/** A finding of this severity. Without a severity of its own so that callers can choose it. */
export function finding(severity: Severity, message: string, fix: Fix): Finding {
	return { severity, message, ...fix };
}

/** "1 row", "2 rows". */
export function counted(count: number, one: string, many = `${one}s`): string {
	return `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
}

/** What so many were: "decrypts it", "decrypts them". */
export function them(count: number): 'it' | 'them' {
	return count === 1 ? 'it' : 'them';
}
