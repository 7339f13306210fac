import { nestedWriteNames } from '../../src/prisma/extension/nested-writes.ts';
import { operationNames } from '../../src/prisma/extension/operations.ts';
import { posthogSettings, run, unusedId } from '../support/extended-client.ts';
import {
	isReadOnly,
	type ModelName,
	modelsByDelegate,
	relationsOf,
} from '../support/own-models.ts';
import { type AnyPrisma, readOperations } from './prisma-writes.ts';
import type { Needs, Write } from './repository-methods.ts';
import type { Target } from './troubles.ts';

/** The row that a nested write stands below. */
interface Parent {
	readonly relation: string;
	readonly isNew: boolean;
}

interface Expected {
	readonly needs: Needs;
	readonly changesNothing?: true;
}

/** A nested write: what becomes of it, and its arguments. */
interface Nested {
	readonly expected: Expected | ((parent: Parent) => Expected);
	readonly value: (target: Target, parent: Parent) => unknown;
}

type Cases<Value> = Readonly<Record<string, Readonly<Record<string, Value>>>>;

const nothing: Expected = { needs: 'nothing' };
const sealing: Expected = { needs: 'a key that seals' };
const unchanged: Expected = { ...nothing, changesNothing: true };
const refused: Expected = { needs: 'more than keys' };
const off = { enabled: false };
const newData = () => ({ type: 'posthog', name: 'new', settings: posthogSettings() });

/** Data of one more destination, whose organization is named where no parent does it. */
function created({ organizationId }: Target, { relation }: Parent) {
	const named = relation === 'destinations' ? {} : { organizationId };
	return { ...newData(), ...named, environment: 'staging' };
}

/** Neither its organization nor who made it ever changes of a destination. */
function changing({ relation }: Parent): Expected {
	return ['updatedDestinations', 'updatedByUser'].includes(relation) ? nothing : refused;
}

const listCases: Cases<Nested> = {
	create: { '': { expected: sealing, value: created } },
	createMany: {
		'': { expected: sealing, value: (target, parent) => ({ data: [created(target, parent)] }) },
	},
	connectOrCreate: {
		'': {
			expected: sealing,
			value: (target, parent) => ({
				where: { id: unusedId() },
				create: created(target, parent),
			}),
		},
	},
	connect: {
		'': {
			expected: (parent) => (parent.isNew ? changing(parent) : unchanged),
			value: ({ id }) => ({ id }),
		},
	},
	disconnect: { '': { expected: changing, value: ({ id }) => ({ id }) } },
	update: {
		'': { expected: nothing, value: ({ id }) => ({ where: { id }, data: off }) },
		'of settings': {
			expected: sealing,
			value: ({ id }) => ({ where: { id }, data: { settings: posthogSettings() } }),
		},
	},
	upsert: {
		// What it would create is sealed before it is known whether the row is there.
		'': {
			expected: sealing,
			value: (target, parent) => ({
				where: { id: target.id },
				create: created(target, parent),
				update: off,
			}),
		},
		'of settings': {
			expected: sealing,
			value: (target, parent) => ({
				where: { id: target.id },
				create: created(target, parent),
				update: { settings: posthogSettings() },
			}),
		},
	},
	updateMany: { '': { expected: nothing, value: () => ({ where: {}, data: off }) } },
	delete: { '': { expected: nothing, value: ({ id }) => ({ id }) } },
	deleteMany: { '': { expected: nothing, value: () => ({}) } },
};

const becomesNew = (parent: Parent) => (parent.isNew ? nothing : changing(parent));

const oneCases: Cases<Nested> = {
	connect: {
		'': {
			expected: ({ isNew }) => (isNew ? nothing : unchanged),
			value: ({ organizationId, userId }, { relation }) => ({
				id: relation === 'organization' ? organizationId : userId,
			}),
		},
	},
	create: { '': { expected: becomesNew, value: ({ newId }) => ({ id: newId }) } },
	connectOrCreate: {
		'': { expected: becomesNew, value: ({ newId }) => ({ where: { id: newId }, create: {} }) },
	},
	disconnect: { '': { expected: changing, value: () => ({}) } },
	delete: {
		'': {
			expected: ({ relation }) => (relation === 'organization' ? refused : nothing),
			value: () => ({}),
		},
	},
	update: { '': { expected: unchanged, value: () => ({}) } },
	upsert: {
		'': { expected: unchanged, value: ({ newId }) => ({ create: { id: newId }, update: {} }) },
	},
};

/** The only nested writes that Prisma has below a row that is being created. */
const ofNewRows = new Set(['create', 'createMany', 'connectOrCreate', 'connect']);

interface OfParent {
	readonly isNew: boolean;
	/** Whether it seals, whatever stands below it. */
	readonly seals: (model: ModelName) => boolean;
	readonly args: (model: ModelName, target: Target, data: object, relation: string) => object;
}

/** The operations that take nested writes. */
const parents: Readonly<Record<string, Readonly<Record<string, OfParent>>>> = {
	create: {
		'': {
			isNew: true,
			seals: isDestination,
			args: (model, target, data, relation) => ({
				data: { ...newOf(model, target, relation), ...data },
			}),
		},
	},
	update: {
		'': {
			isNew: false,
			seals: () => false,
			args: (model, target, data) => ({
				where: ownOf(model, target),
				data,
			}),
		},
	},
	upsert: {
		creating: {
			isNew: true,
			seals: isDestination,
			args: (model, target, data, relation) => ({
				where: { id: target.newId },
				create: { ...newOf(model, target, relation), ...data },
				update: {},
			}),
		},
		updating: {
			isNew: false,
			seals: isDestination,
			args: (model, target, data) => ({
				where: ownOf(model, target),
				create: newOf(model, target),
				update: data,
			}),
		},
	},
};

function isDestination(model: ModelName): boolean {
	return model === 'Destination';
}

function ownOf(model: ModelName, { id, organizationId, userId }: Target): { id: string } {
	return {
		id: { Destination: id, Organization: organizationId, User: userId }[String(model)] ?? '',
	};
}

function newOf(model: ModelName, { newId, organizationId }: Target, relation?: string): object {
	if (!isDestination(model)) return { id: newId };
	const organization = { connect: { id: organizationId } };
	const named = relation === 'organization' ? {} : { organization };
	return { id: newId, ...newData(), environment: 'staging', ...named };
}

/** Operations of organizations and users that take no nested writes. */
const otherOperations: Cases<Expected & { args: (own: { id: string }, newId: string) => object }> =
	{
		createMany: { '': { ...nothing, args: (_, id) => ({ data: [{ id }] }) } },
		createManyAndReturn: { '': { ...nothing, args: (_, id) => ({ data: [{ id }] }) } },
		updateMany: {
			'': { ...unchanged, args: (where) => ({ where, data: {} }) },
		},
		updateManyAndReturn: {
			'': { ...unchanged, args: (where) => ({ where, data: {} }) },
		},
		delete: { '': { ...nothing, args: (where) => ({ where }) } },
		deleteMany: { '': { ...nothing, args: (where) => ({ where }) } },
	};

const returningRows = new Set(['create', 'update', 'upsert', 'delete']);

/** Asks for all settings below the row, where the operation returns one. */
function includeOf(model: ModelName, operation: string): object {
	const lists = Object.entries(relationsOf(model)).filter(([, { list }]) => list);
	if (lists.length === 0 || !returningRows.has(operation)) return {};
	return { include: Object.fromEntries(lists.map(([name]) => [name, true])) };
}

/** A write by its name; nothing where the extension knows one that has no case here. */
type Named = readonly [name: string, write: Write<AnyPrisma> | undefined];

/** The cases of a name, or the name alone. */
function casesOf<Value>(
	cases: Cases<Value>,
	name: string,
	within: string,
	writeOf: (value: Value) => Write<AnyPrisma>,
): Named[] {
	if (!Object.hasOwn(cases, name)) return [[`${within}.${name}`, undefined]];
	return Object.entries(cases[name] ?? {}).map(([what, value]) => [
		`${within}.${name}${what && `, ${what}`}`,
		writeOf(value),
	]);
}

function operationByItself(delegate: string, model: ModelName, operation: string): Named[] {
	return casesOf(otherOperations, operation, delegate, ({ args, ...expected }) => ({
		...expected,
		run: (on, target) => {
			const given = args(ownOf(model, target), target.newId);
			return run(on, delegate, operation, { ...given, ...includeOf(model, operation) });
		},
	}));
}

function nestedIn(delegate: string, model: ModelName, operation: string): Named[] {
	const ways = Object.entries(parents[operation] ?? {});
	return ways.flatMap(([way, { isNew, seals, args }]) =>
		Object.entries(relationsOf(model)).flatMap(([relation, { list }]) => {
			const parent = { relation, isNew };
			const within = `${delegate}.${operation}${way && ` ${way}`} ${relation}`;
			const names = nestedWriteNames[list ? 'list' : 'one'];
			const offered = names.filter((name) => !isNew || ofNewRows.has(name));
			return offered.flatMap((name) =>
				casesOf(list ? listCases : oneCases, name, within, ({ expected, value }) => {
					const own = typeof expected === 'function' ? expected(parent) : expected;
					return {
						...own,
						...(own.needs === 'nothing' && seals(model) ? sealing : {}),
						run: (on, target) => {
							const data = { [relation]: { [name]: value(target, parent) } };
							const given = args(model, target, data, relation);
							return run(on, delegate, operation, { ...given, ...includeOf(model, operation) });
						},
					};
				}),
			);
		}),
	);
}

/**
 * Each nested write, of each relation of each model, in each operation that takes it; and the operations of
 * organizations and users by themselves. The names are the extension's own, so that none is forgotten.
 */
export const nestedWrites: readonly Named[] = [...modelsByDelegate].flatMap(([name, model]) => {
	const delegate = String(name);
	if (isReadOnly(model)) return [];
	const operations = operationNames.filter((operation) => !readOperations.includes(operation));
	return operations.flatMap((operation) => {
		if (Object.hasOwn(parents, operation)) return nestedIn(delegate, model, operation);
		// `destinationWrites` has those of destinations.
		return isDestination(model) ? [] : operationByItself(delegate, model, operation);
	});
});
