import { readFileSync } from 'node:fs';
import { PrismaPg } from '@prisma/adapter-pg';
import { modelsOf } from '../../src/prisma/extension/client-models.ts';
import { relationFieldsOf } from '../../src/prisma/extension/schema-text.ts';
import { generatedClient, type Row } from './shop.ts';

// What the extension reads of a service's client, and what it refuses because other code goes by it.

/** What a generated client carries of its schema, with some of it changed. */
async function clientWith(
	change: (models: Row) => void = () => {},
	schema = (text: string) => text,
) {
	const { PrismaClient } = await generatedClient('test/hosts/shop/schema');
	const client = new PrismaClient({
		// It connects to nothing.
		adapter: new PrismaPg({ connectionString: 'postgres://localhost' }),
	}) as Row;
	const models = structuredClone(client._runtimeDataModel);
	change(models.models);
	const inlineSchema = schema(client._engineConfig.inlineSchema);
	return { _runtimeDataModel: models, _engineConfig: { inlineSchema } };
}

const field = (models: Row, name: string) =>
	models.Destination.fields.find((one: Row) => one.name === name);

it('the models and relations of a service are read from its client', async () => {
	const models = modelsOf(await clientWith());
	const shape = [...models.byDelegate.values()].map(({ name, reaches, idField, relations }) => [
		name,
		reaches,
		idField,
		Object.entries(relations).map(
			([relation, { model, list, byOrganization }]) =>
				`${relation}: ${model.name}${list ? '[]' : ''}${byOrganization ? ' by organization' : ''}`,
		),
	]);
	expect(shape).toEqual(
		expect.arrayContaining([
			['Rate', false, undefined, []],
			[
				'Order',
				true,
				undefined,
				['organization: Organisation', 'buyer: Person', 'deliveries: Delivery[]'],
			],
			['Person', true, 'id', expect.arrayContaining(['createdDestinations: Destination[]'])],
			[
				'Organisation',
				true,
				'key',
				expect.arrayContaining(['destinations: Destination[] by organization']),
			],
			[
				'Destination',
				true,
				undefined,
				expect.arrayContaining(['tenant: Organisation by organization']),
			],
		]),
	);
	expect(shape).toHaveLength(8);
});

it.each<[string, (models: Row) => void, RegExp]>([
	['without destinations', (models) => delete models.Destination, /no model Destination/],
	[
		'with destinations of another table',
		(models) => {
			models.Destination.dbName = 'trips';
		},
		/no model Destination of the table/,
	],
	[
		'with destinations under another name',
		(models) => {
			models.Sink = models.Destination;
			delete models.Destination;
		},
		/must be called Destination, not Sink/,
	],
	[
		'without a field',
		(models) => {
			field(models, 'deletedAt').name = 'removedAt';
		},
		/must have a field deletedAt of the column deleted_at/,
	],
	[
		'with a field of another column',
		(models) => {
			field(models, 'type').dbName = 'kind';
		},
		/must have a field type of the column type/,
	],
	[
		'with the settings of earlier versions under another name',
		(models) => {
			models.DestinationSettingsVersion.fields.find((one: Row) => one.name === 'settings').name =
				'x';
		},
		/DestinationSettingsVersion must have a field settings/,
	],
])('a client %s is refused', async (_, change, words) => {
	const client = await clientWith(change);
	expect(() => modelsOf(client)).toThrow(
		expect.objectContaining({ code: 'CONFIGURATION', message: expect.stringMatching(words) }),
	);
});

it.each<[string, (text: string) => string, RegExp]>([
	[
		'whose text lacks a relation',
		(text) => text.replace(/^ +deliveries.*$/gm, ''),
		/cannot read the relation/,
	],
	[
		'that refers to an organization by two fields',
		(text) => text.replace('references: [key], onDelete', 'references: [key, title], onDelete'),
		/must refer to one field/,
	],
])('a client %s is refused', async (_, schema, words) => {
	const client = await clientWith(undefined, schema);
	expect(() => modelsOf(client)).toThrow(words);
});

it.each([
	[{}],
	[{ _runtimeDataModel: {} }],
	[{ _runtimeDataModel: { models: {} }, _engineConfig: {} }],
])('what is no client of Prisma 7 is refused: %j', (client) => {
	expect(() => modelsOf(client)).toThrow(expect.objectContaining({ code: 'CONFIGURATION' }));
});

it('relations are read from whatever Prisma takes for a schema', () => {
	const schema = `
/// model Not { x Y[] }
model A { /* b B */
  id Int @id @default(dbgenerated("{ model X }")) // c C[]
  b  B[] @relation("one { ( two")
  c  C?  @relation(
    name: "x", fields: [cId, dId],
    references: [id, d]
  )
}
view V {
  a A
}`;
	const fields = relationFieldsOf(schema);
	expect([...fields.keys()]).toEqual(['A', 'V']);
	expect(fields.get('A')?.get('b')).toEqual({ list: true, fields: [], references: [] });
	expect(fields.get('A')?.get('c')).toEqual({
		list: false,
		fields: ['cId', 'dId'],
		references: ['id', 'd'],
	});
	expect(fields.get('A')?.has('C')).toBe(false);
});

it('the models for services are those of the package’s own schema', () => {
	const read = (file: string) => readFileSync(file, 'utf8');
	const blocks = (text: string) =>
		new Map(
			[...text.matchAll(/(?:^\/\/\/.*\n)*^model (\w+) \{[\s\S]*?^\}/gm)].map(([block, name]) => [
				name,
				block,
			]),
		);
	const own = blocks(read('prisma/schema.prisma'));
	const text = read('prisma/models/destinations.prisma');
	const shared = blocks(text);
	expect([...shared.keys()]).toEqual([
		'Destination',
		'DestinationAuditEntry',
		'DestinationSettingsVersion',
	]);
	for (const [name, block] of shared) expect(block).toBe(own.get(name));
	expect(text).not.toMatch(/^(datasource|generator)/m);
});
