import { settingsToJson } from '../encryption/canonical-json.ts';
import { looksLikeEnvelope, sealJson } from '../encryption/envelope.ts';
import { ValidationError } from '../errors.ts';
import type { TenantKeys } from '../keys/tenant-keys.ts';
import type { EncryptedTable } from './encrypted-tables.ts';
import { ciphertextOf, contextOf, keyIdOf, PageKeys } from './page-keys.ts';
import { OutageGuard, type Run } from './run.ts';
import type { Replacement, SealedRow } from './statements.ts';

/** Envelopes in, envelopes out: the rows of a page that are to be replaced, and with what. */
export async function resealPage(
	run: Run,
	keys: TenantKeys,
	table: EncryptedTable,
	rows: readonly SealedRow[],
): Promise<Replacement[]> {
	const pageKeys = await PageKeys.load(keys, rows, true);
	const replacements: Replacement[] = [];
	const outage = new OutageGuard(run);
	for (const row of rows) {
		try {
			const primary = pageKeys.primary(row);
			// Of settings in plaintext a member of this name says nothing.
			if (row.plaintext === null && keyIdOf(row) === primary.keyId) continue;
			const { old, json } = openRow(pageKeys, row);
			const sealed = JSON.stringify(sealJson(json, primary, contextOf(row)));
			replacements.push({ rowId: row.row_id, old, sealed });
		} catch (error) {
			outage.note(error);
			run.fail(table, row, error);
		}
	}
	outage.check(rows.length);
	return replacements;
}

function openRow(pageKeys: PageKeys, row: SealedRow): { old: string; json: string } {
	if (row.plaintext !== null) {
		const settings = JSON.parse(row.plaintext);
		if (looksLikeEnvelope(settings)) {
			const message = 'are encrypted already, though the row is marked as not encrypted';
			throw new ValidationError([{ path: ['settings'], message }]);
		}
		return { old: row.plaintext, json: settingsToJson(settings) };
	}
	// What is encrypted again is the very text that was encrypted: nothing parses it on the way.
	return { old: ciphertextOf(row), json: pageKeys.open(row) };
}
