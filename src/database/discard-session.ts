import { forgetPrepared, type PgConnection } from './pg-protocol.ts';

/**
 * Rids a connection of what raw SQL may have left on it: session settings, temporary tables, prepared
 * statements, locks (https://www.postgresql.org/docs/current/sql-discard.html).
 */
export class DiscardSession {
	callback: (error?: Error) => void;

	constructor(callback: (error?: Error) => void) {
		this.callback = callback;
	}

	submit(connection: PgConnection): void {
		connection.query('DISCARD ALL');
	}

	handleCommandComplete(_message: unknown, connection: PgConnection): void {
		// pg remembers what it prepared, which is gone now.
		forgetPrepared(connection);
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
