import { type MadeObject, manifest } from '../../src/doctor/manifest.ts';

// A name says which table it belongs to and what it is for. Errors are told apart by names of constraints, and names of
// indexes, policies and triggers are what an administrator sees.

type Rule = (table: string, definition: string) => RegExp;

const rules: Partial<Record<MadeObject['kind'], Rule>> = {
	constraint: (table, definition) => {
		if (definition.startsWith('PRIMARY KEY')) return new RegExp(`^${table}_pkey$`);
		if (definition.startsWith('UNIQUE')) return new RegExp(`^${table}_\\w+_unique$`);
		const [, column] = /^FOREIGN KEY \((\w+)\)/.exec(definition) ?? [];
		if (column !== undefined) return new RegExp(`^${table}_${column}_fkey$`);
		return new RegExp(`^${table}_(valid_\\w+|\\w+_size)$`);
	},
	index: (table, definition) =>
		definition.startsWith('CREATE UNIQUE')
			? new RegExp(`^${table}_\\w+_unique$`)
			: new RegExp(`^idx_${table}_\\w+$`),
	policy: (table) =>
		new RegExp(
			`^${table}_((organization|tenant)_isolation|service_access|no_anonymous|loading|recording|advancing|retention|mirroring|first_key)$`,
		),
	trigger: (table, definition) => {
		const [, name] = /EXECUTE FUNCTION public\.(\w+)\(/.exec(definition) ?? [];
		return name === 'refuse_destination_statement'
			? new RegExp(`^trigger_refuse_${table}_(insert|update|delete|truncate|change)$`)
			: new RegExp(`^trigger_${name}$`);
	},
};

test.each(Object.entries(rules))('each %s is named by one pattern', (kind, rule) => {
	const made = manifest.objects.filter((object) => object.kind === kind);
	expect(made).not.toEqual([]);
	for (const { of, name, definition } of made) {
		expect(name).toMatch(rule(of.replace('public.', ''), definition));
	}
});
