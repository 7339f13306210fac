import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describeExports } from './exports.ts';

const file = join(__dirname, 'exports.txt');

// A failure here is a change that users notice: `npx changeset` describes it, and
// `UPDATE_EXPORTS=1 npm test -- test/release` writes the list anew for the review.
test('public names change only on purpose', () => {
	const names = describeExports(join(__dirname, '../..'));
	if (process.env.UPDATE_EXPORTS) writeFileSync(file, names);
	expect(names).toBe(readFileSync(file, 'utf8'));
});
