import { Prisma } from '../../../src/generated/prisma/client.ts';
import { isOperation } from '../../../src/prisma/extension/operations.ts';
import { ExtendedDatabase, errorOf, loose, run } from '../../support/extended-client.ts';
import {
	isDestinationField,
	isReadOnly,
	knownModel,
	modelsByDelegate,
	relationsOf,
} from '../../support/own-models.ts';

let db: ExtendedDatabase;

beforeAll(async () => {
	db = await ExtendedDatabase.open();
});

afterAll(() => db.close());

/** The data model that the generated client carries, which Prisma has no public name for. */
interface RuntimeModel {
	fields: { name: string; kind: string; type: string }[];
}

function modelsOfSchema(): Record<string, RuntimeModel> {
	const { _runtimeDataModel } = db.base as unknown as {
		_runtimeDataModel: { models: Record<string, RuntimeModel> };
	};
	return _runtimeDataModel.models;
}

// A relation that the extension does not know would be a way around it.
it('the extension knows every model and relation of the schema', () => {
	const models = modelsOfSchema();
	expect(Object.keys(models).sort()).toEqual(Object.keys(Prisma.ModelName).sort());
	for (const [name, { fields }] of Object.entries(models)) {
		const relations = fields.filter(({ kind }) => kind === 'object');
		const known = relationsOf(knownModel(name));
		expect(Object.keys(known).sort()).toEqual(relations.map((field) => field.name).sort());
		for (const { name: relation, type } of relations) expect(known[relation]?.model).toBe(type);
	}
});

it('the extension knows which relations are lists', async () => {
	// Prisma takes `some` for a list, and `is` for one row.
	for (const [delegate, model] of modelsByDelegate) {
		for (const [relation, { list }] of Object.entries(relationsOf(model))) {
			const where = { [relation]: list ? { some: {} } : { is: {} } };
			expect(await run(db.base, String(delegate), 'count', { where })).toBe(0);
		}
	}
});

it('the extension finds every model that a client has', () => {
	for (const delegate of modelsByDelegate.keys()) expect(db.base).toHaveProperty(String(delegate));
	expect([...modelsByDelegate.values()].sort()).toEqual(Object.keys(Prisma.ModelName).sort());
});

it('the extension lets the models that the database writes be read, and nothing else', async () => {
	const reads = ['findFirst', 'findMany', 'count', 'aggregate', 'groupBy'];
	const writes = ['create', 'createMany', 'createManyAndReturn', 'update', 'updateMany'];
	writes.push('updateManyAndReturn', 'upsert', 'delete', 'deleteMany');
	for (const [delegate, model] of modelsByDelegate) {
		if (!isReadOnly(model)) continue;
		for (const operation of reads) {
			const args = { where: {}, ...(operation === 'groupBy' ? { by: ['organizationId'] } : {}) };
			if (operation === 'aggregate') Object.assign(args, { _count: true });
			await run(db.prisma, String(delegate), operation, args);
		}
		for (const operation of writes) {
			const args = { where: {}, data: {}, create: {}, update: {} };
			const error = await errorOf(() => run(db.prisma, String(delegate), operation, args));
			expect(error.code).toBe('UNSUPPORTED');
		}
	}
});

it('the extension knows every column of destinations', () => {
	const columns = Object.keys(Prisma.DestinationScalarFieldEnum);
	const relations = Object.keys(relationsOf('Destination'));
	for (const name of [...columns, ...relations])
		expect([name, isDestinationField(name)]).toEqual([name, true]);
	for (const name of ['host', 'toString', '_count']) expect(isDestinationField(name)).toBe(false);
});

it('the extension knows every operation that Prisma has on PostgreSQL', () => {
	const methods = Object.keys(loose(db.base).destination).filter(
		(name) => typeof loose(db.base).destination[name] === 'function',
	);
	const unknown = methods.filter((name) => !isOperation(name));
	expect(unknown.sort()).toEqual(['aggregateRaw', 'findRaw']); // MongoDB's
	expect(methods).toContain('updateManyAndReturn');
});

it('the extension knows no other model', () => {
	for (const name of ['Audit', 'destination', 'toString', '']) {
		expect(() => knownModel(name)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED' }));
	}
});
