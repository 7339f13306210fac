import { forgetPrepared, type Wire } from './pg-protocol.ts';

/**
 * Rids a connection of what raw SQL may have left on it: session settings, temporary tables, prepared
 * statements, locks (https://www.postgresql.org/docs/current/sql-discard.html).
 */
export class DiscardSession {
	callback: (error?: Error) => void;

	constructor(callback: (error?: Error) => void) {
		this.callback = callback;
	}

	submit(wire: Wire): void {
		wire.query('DISCARD ALL');
	}

	handleCommandComplete(_message: unknown, wire: Wire): void {
		// pg remembers what it prepared, which is gone now.
		forgetPrepared(wire);
	}

	handleReadyForQuery(): void {
		this.callback();
	}

	handleError(error: Error): void {
		this.callback(error);
	}

	// DISCARD returns no rows.
	handleRowDescription(): void {}
	handleDataRow(): void {}
}
