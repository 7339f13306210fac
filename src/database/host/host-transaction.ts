import { isPgClient } from '../pg-protocol.ts';
import type { ScopedSql } from '../scoped-sql.ts';
import { type HostTransaction, isPrisma } from './host-handle.ts';
import { PgTransaction, type PgTransactionOptions } from './pg-transaction.ts';
import { QueryTransaction } from './query-transaction.ts';

/** Where the statements of a scope in a host's transaction run. Sends nothing yet. */
export function joinTransaction(handle: HostTransaction, options: PgTransactionOptions): ScopedSql {
	if (isPrisma(handle)) {
		return new QueryTransaction(handle, async (text, values) => {
			if (!text.startsWith('SELECT')) {
				await handle.$executeRawUnsafe(text);
				return [];
			}
			// Rows, for a SELECT; they are looked at before they are used.
			return (await handle.$queryRawUnsafe(text, ...values)) as unknown[];
		});
	}
	if (isPgClient(handle)) return new PgTransaction(handle, options);
	return new QueryTransaction(handle, async (text, values) => {
		const { rows } = await handle.query(text, values);
		return rows;
	});
}
