import { currentOperation } from '../../telemetry/operation.ts';
import type { ScopedSql } from '../scoped-sql.ts';
import { sqlStateOf } from '../sql-errors.ts';

/**
 * The same, whose statements are counted by the operation that sends them, as a connection of this package's does.
 *
 * @param onSent called with each statement, before it is sent.
 */
export function noted(sql: ScopedSql, onSent: () => void): ScopedSql {
	const note = <Row>(text: string, send: () => Promise<Row[]>) => {
		onSent();
		return counted(text, send);
	};
	return {
		citus: sql.citus ?? false,
		run: (scope, text, ...more) => note(text, () => sql.run(scope, text, ...more)),
		read: (scope, text, ...more) => note(text, () => sql.read(scope, text, ...more)),
		transaction: (scope, work) => sql.transaction(scope, (inner) => work(noted(inner, onSent))),
	};
}

async function counted<Row>(text: string, send: () => Promise<Row[]>): Promise<Row[]> {
	const operation = currentOperation();
	if (operation === undefined) return send();
	operation.sent(text);
	try {
		const rows = await send();
		operation.rows += rows.length;
		return rows;
	} catch (error) {
		const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
		operation.sqlState = sqlStateOf(cause);
		throw error;
	}
}
