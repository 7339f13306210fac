/** What services export of the package's types, as they do it: without an annotation. */
const connected = `
import { createDestinationsClient } from '@consent-io/destinations';

export const db = createDestinationsClient({ keys: process.env.KEYS });
export const acme = db.forOrganization('');
const { prisma } = acme;
const where = { id: '' };
`;

/** What every service has. */
export const scoped = `${connected}
export const rows = acme.prisma.destination.findMany();
export const listed = acme.destinations.findByOrganization('');
export const entries = acme.audit;
export const readAll = async () => prisma.destination.findMany({ where: { enabled: true } });
export const inTransaction = acme.transaction(async (tx) => tx.prisma.destination.findFirst());
export const system = { scope: db.asService(), db };
export default class Reader {
	constructor(readonly prisma = acme.prisma) {}
	async typed(id: string) {
		const row = await this.prisma.destination.findUnique({
			where: { id },
			include: { organization: { include: { destinations: true } } },
		});
		return row?.type === 'posthog' ? row.settings : null;
	}
	all = () => this.prisma.destination.findMany({ select: { type: true, settings: true, name: true } });
}
`;

interface Model {
	readonly data: string;
	readonly relation: string;
	readonly column: string;
}

const models: Record<string, Model> = {
	destination: {
		data: "{ organizationId: '', type: 'console', name: '', settings: {} }",
		relation: 'organization',
		column: 'type',
	},
	organization: { data: "{ id: '' }", relation: 'destinations', column: 'id' },
	user: { data: "{ id: '' }", relation: 'createdDestinations', column: 'id' },
};

function operations({ data, column }: Model): Record<string, string> {
	return {
		findUnique: 'where',
		findUniqueOrThrow: 'where',
		findFirst: '',
		findFirstOrThrow: '',
		findMany: '',
		create: `data: ${data}`,
		createMany: `data: [${data}]`,
		createManyAndReturn: `data: [${data}]`,
		update: `where, data: ${data}`,
		updateMany: `data: ${data}`,
		updateManyAndReturn: `data: ${data}`,
		upsert: `where, create: ${data}, update: ${data}`,
		delete: 'where',
		deleteMany: '',
		count: '',
		aggregate: `_count: true, _max: { ${column}: true }`,
		groupBy: `by: ['${column}'], _count: true`,
	};
}

/** The operations that return rows, one of them or many. */
const returnsRows =
	/^(find|create$|createManyAndReturn|update$|updateManyAndReturn|upsert|delete$)/;
const returnsOne = /^(find(Unique|First)|create$|update$|upsert|delete$)/;

/** Every operation of a model in a scope: the method, its result, and the forms of the result. */
function everyOperation(name: string, model: Model): string {
	const lines = [connected];
	const add = (to: string, value: string) => lines.push(`export const ${to} = ${value};`);
	add('model', `prisma.${name}`);
	add('fields', `prisma.${name}.fields`);
	for (const [operation, args] of Object.entries(operations(model))) {
		const method = `prisma.${name}.${operation}`;
		const call = (more = '') => `${method}({ ${[args, more].filter(Boolean).join(', ')} })`;
		add(`${operation}_method`, method);
		add(`${operation}_result`, call());
		if (returnsRows.test(operation)) {
			add(`${operation}_select`, call(`select: { ${model.column}: true }`));
			add(`${operation}_omit`, call(`omit: { ${model.column}: true }`));
		}
		if (returnsOne.test(operation)) {
			add(`${operation}_include`, call(`include: { ${model.relation}: true }`));
			add(`${operation}_related`, `${call()}.${model.relation}()`);
		}
	}
	return lines.join('\n');
}

const rest = `${connected}
export const entries = prisma.destinationAuditEntry;
export const entry = entries.findFirst({ orderBy: { version: 'desc' } });
export const versions = prisma.destinationSettingsVersion;
export const version = versions.findMany();
export const chained = prisma.destination.findUnique({ where }).organization().destinations();
export const deleted = prisma.destination.onlyDeleted();
export const deletedRow = prisma.destination.withDeleted().findUnique({ where });
export const deletedCount = prisma.destination.withDeleted().count();
export const restored = prisma.destination.restore({ where });
export const purged = prisma.destination.purge({ where });
export const raw = prisma.$queryRaw\`SELECT 1\`;
export const batch = prisma.$transaction([prisma.destination.findMany(), prisma.user.count()]);
export const interactive = prisma.$transaction(async (tx) => tx.destination.findMany());
`;

/** All that a scope has of Prisma, in files for each model. */
export const operationFiles: Record<string, string> = {
	...Object.fromEntries(
		Object.entries(models).map(([name, model]) => [`src/${name}.mts`, everyOperation(name, model)]),
	),
	'src/rest.mts': rest,
};

const extension = `
import { destinationsExtension } from '@consent-io/destinations';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../generated/prisma/client.js';

const adapter = new PrismaPg({});
const ours = destinationsExtension({ keys: process.env.KEYS });
const computed = {
	result: { destination: { label: { needs: { name: true }, compute: (row: { name: string }) => row.name.length } } },
} as const;
const methods = { model: { destination: { byName: async (name: string) => [name] } } } as const;
const logged = {
	query: { destination: { findMany: ({ args, query }: { args: object; query: (args: object) => Promise<unknown> }) => query(args) } },
} as const;
`;

/** A client of a service's own, extended by the package and by others, before and after it. */
export const own = `${extension}
export const prisma = new PrismaClient({ adapter }).$extends(ours);
export const rows = prisma.destination.findMany();
export const one = prisma.destination.findUnique({ where: { id: '' } });
export const deleted = prisma.destination.onlyDeleted();
export const inTransaction = prisma.$transaction(async (tx) => tx.destination.restore({ where: { id: '' } }));

export const before = new PrismaClient({ adapter }).$extends(computed).$extends(methods).$extends(ours);
export const labelBefore = before.destination.findFirstOrThrow().then((row) => row.label satisfies number);
export const byNameBefore = before.destination.byName('');

export const after = new PrismaClient({ adapter }).$extends(ours).$extends(computed).$extends(methods);
export const labelAfter = after.destination.findFirstOrThrow().then((row) => row.label satisfies number);
export const byNameAfter = after.destination.byName('');

export const omitting = new PrismaClient({ adapter, omit: { destination: { name: true } } }).$extends(ours).$extends(logged);
export const withoutName = omitting.destination.findMany();
// @ts-expect-error: the client leaves the name out.
export const name = withoutName.then(([row]) => row?.name);
`;
