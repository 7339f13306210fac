import { canonicalId, isCanonicalUuid } from '../../src/ids/canonical-id.ts';

const id = '0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b';
const digits = id.replaceAll('-', '');

it('reads a uuid as Postgres does, and writes it in one spelling', () => {
	const groups = digits.match(/.{4}/g) ?? [];
	expect(groups).toHaveLength(8);
	for (let hyphens = 0; hyphens < 2 ** 7; hyphens += 1) {
		const text = groups
			.map((group, place) => (place < 7 && hyphens & (1 << place) ? `${group}-` : group))
			.join('');
		for (const spelling of [text, `{${text}}`, text.toUpperCase(), `{${text.toUpperCase()}}`]) {
			expect(canonicalId(spelling)).toBe(id);
		}
	}
});

const others = [
	'',
	'x',
	'Acme',
	'{}',
	` ${id}`,
	`${id} `,
	`${id}\n`,
	`{{${id}}`,
	`{${id}}}`,
	`${id}-`,
	`-${id}`,
	`${id}0`,
	`0${id}`,
	id.slice(1),
	id.slice(0, -1),
	`g${id.slice(1)}`,
	`${id.slice(0, -1)}g`,
	id.replace('-', '--'),
	id.replace('-', '_'),
	`${digits.slice(0, 3)}-${digits.slice(3)}`,
	digits.slice(4),
	'-'.repeat(36),
];

it.each(others)('leaves %j as it is', (text) => {
	expect(canonicalId(text)).toBe(text);
	expect(isCanonicalUuid(text)).toBe(false);
});

it('tells the one spelling from the others', () => {
	expect(isCanonicalUuid(id)).toBe(true);
	for (const text of [digits, `{${id}}`, id.toUpperCase(), [id], null, undefined, 5, Symbol(id)]) {
		expect(isCanonicalUuid(text)).toBe(false);
	}
});
