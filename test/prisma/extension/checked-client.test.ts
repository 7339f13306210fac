import { copyArguments } from '../../../src/prisma/extension/copy-arguments.ts';
import { destinationMethods } from '../../../src/prisma/extension/destination-methods.ts';
import { ownModels } from '../../../src/prisma/extension/models.ts';
import { operationNames } from '../../../src/prisma/extension/operations.ts';
import { withPlainArguments } from '../../../src/prisma/extension/plain-arguments.ts';
import { modelsByDelegate, relationNames } from '../../support/own-models.ts';

// What Prisma is called with in the place of what its methods are called with.

/** What a method was called with, and on what. */
interface Call {
	readonly on: unknown;
	readonly name: string;
	readonly args: readonly unknown[];
}

type Method = (this: unknown, ...args: unknown[]) => Record<string, Method>;

const calls: Call[] = [];

beforeEach(() => {
	calls.length = 0;
});

/** Takes note of how it is called, and returns what has methods that do so as well. */
function method(name: string): Method {
	return function (this: unknown, ...args: unknown[]) {
		calls.push({ on: this, name, args });
		const names = [...relationNames, 'then'];
		return Object.fromEntries(names.map((member) => [member, method(`${name}.${member}`)]));
	};
}

/** The only call. */
function call(): Call {
	const [only, ...others] = calls;
	if (only === undefined || others.length > 0) throw new Error(`${calls.length} calls`);
	return only;
}

function delegate(): Record<string, Method> {
	const names = [...operationNames, 'withDeleted', 'findRaw'];
	return Object.fromEntries(names.map((name) => [name, method(name)]));
}

function client() {
	return {
		...Object.fromEntries([...modelsByDelegate.keys()].map((name) => [name, delegate()])),
		destination: delegate(),
		$queryRaw: method('$queryRaw'),
		$connect: method('$connect'),
		$extends: (_extension: unknown): object => client(),
		$transaction: async (work: unknown, ...options: unknown[]): Promise<unknown> =>
			typeof work === 'function' ? work(client(), options) : [work, options],
		version: 7,
		other: { findMany: method('findMany of another') },
	};
}

/** Whether it hands on a copy of arguments. */
function expectChecked(checked: Record<string, Method> | undefined, name = 'findMany'): void {
	calls.length = 0;
	const args = { where: { AND: [{ destinations: {} }] } };
	checked?.[name]?.(args);
	expect(call().args).toStrictEqual([args]);
	expect(call().args[0]).not.toBe(args);
}

describe('a client', () => {
	it('hands each operation of each model a copy of its arguments', () => {
		const view = withPlainArguments(client(), ownModels) as unknown as Record<
			string,
			Record<string, Method>
		>;
		for (const model of modelsByDelegate.keys()) {
			for (const name of operationNames) expectChecked(view[String(model)], name);
		}
		calls.length = 0;
		view.destination?.findMany?.();
		expect(call()).toEqual({ on: view.destination, name: 'findMany', args: [{}] });
		expect(call().on).toBe(view.destination);
	});

	it('hands on why arguments are refused', () => {
		const view = withPlainArguments(client(), ownModels);
		view.destination.findMany?.({ where: () => {} });
		expect(call().args).toEqual([copyArguments({ where: () => {} })]);
	});

	it('has whatever else Prisma has as it is', () => {
		const own = client();
		own.destination.count = 5 as unknown as Method;
		const view = withPlainArguments(own, ownModels);
		expect(view.destination.count).toBe(5);
		for (const name of ['withDeleted', 'findRaw']) {
			expect(view.destination[name]).toBe(own.destination[name]);
		}
		for (const name of ['$queryRaw', '$connect', 'version', 'other'] as const) {
			expect(view[name]).toBe(own[name]);
		}
		expect(view.destination).toBe(view.destination);
	});

	it('is still one when it is extended, unless it is a function that extends it', () => {
		const own = client();
		const extend = jest.spyOn(own, '$extends');
		const view = withPlainArguments(own, ownModels);
		const extension = { name: 'x' };
		expectChecked((view.$extends(extension) as typeof view).destination);
		expect(extend.mock.calls).toEqual([[extension]]);
		expect(extend.mock.contexts[0]).toBe(view);
		const made = client();
		extend.mockReturnValue(made);
		expect(view.$extends(() => {})).toBe(made);
	});

	it('hands the work of a transaction one as well', async () => {
		const own = client();
		const begin = jest.spyOn(own, '$transaction');
		const view = withPlainArguments(own, ownModels);
		const options = { timeout: 5 };
		const done = await view.$transaction((transaction: typeof view, given: unknown) => {
			expectChecked(transaction.destination);
			// The options go to Prisma, and not to the work.
			return ['done', given];
		}, options);
		expect(done).toEqual(['done', undefined]);
		expect(begin.mock.calls[0]?.[1]).toBe(options);
		expect(begin.mock.contexts[0]).toBe(own);
		const batch = [1, 2];
		expect(await view.$transaction(batch, options)).toEqual([batch, [options]]);
		expect(((await view.$transaction(batch)) as unknown[])[0]).toBe(batch);
	});

	it('hands each method of a fluent call a copy of its arguments', () => {
		const view = withPlainArguments(client(), ownModels);
		for (const name of relationNames) {
			const found = view.destination.findUnique?.({});
			expectChecked(found, name);
			expect(call().on).not.toBe(found);
			expectChecked(found?.[name]?.({}), name);
		}
		const args = { where: {} };
		const found = view.destination.findUnique?.({});
		calls.length = 0;
		found?.then?.(args);
		expect(call().args).toEqual([expect.any(Function)]);
	});

	it('has what is no method of a fluent call as it is', () => {
		const own = client();
		own.destination.findMany = () => ({ destinations: 5 as unknown as Method });
		expect(withPlainArguments(own, ownModels).destination.findMany?.().destinations).toBe(5);
	});
});

describe('the methods of prisma.destination', () => {
	const reads = [
		...['findUnique', 'findUniqueOrThrow', 'findFirst', 'findFirstOrThrow', 'findMany'],
		...['count', 'aggregate', 'groupBy'],
	];
	const methods = destinationMethods as unknown as Record<
		string,
		(this: unknown, args?: unknown) => Record<string, Method>
	>;
	const refusal = [
		{
			path: ['where'],
			message: 'must name the id, the organizationId if it is known, and nothing else',
		},
	];

	/** What is called in the place of a method, and what of it is returned. */
	function called(name: string, args?: unknown): Call {
		calls.length = 0;
		const on = { ...delegate(), $parent: { $executeRaw: method('$executeRaw') } };
		const result = methods[name]?.call(on, args);
		expect(Object.keys(result ?? {})).toContain('then');
		return call();
	}

	it('delete by an update', () => {
		const data = { deletedAt: expect.any(Date) };
		for (const [name, update] of [
			['delete', 'update'],
			['deleteMany', 'updateMany'],
		] as const) {
			const where = { id: 'x' };
			const deleting = called(name, { where, data: { name: 'x' } });
			expect(deleting).toMatchObject({ name: update, args: [{ where, data }] });
			expect(called(name)).toMatchObject({ name: update, args: [{ data }] });
			const refused = copyArguments({ where: () => {} });
			expect(called(name, { where: () => {} }).args).toEqual([{ ...refused, data }]);
		}
	});

	it('restore by an update of a deleted row', () => {
		const args = { where: { id: 'x' }, $rows: 'all', data: {} };
		expect(called('restore', args)).toMatchObject({
			name: 'update',
			args: [{ where: { id: 'x' }, data: { deletedAt: null }, $rows: 'deleted' }],
		});
	});

	it('read deleted rows too, or them alone', () => {
		for (const [name, $rows] of [
			['withDeleted', 'all'],
			['onlyDeleted', 'deleted'],
		] as const) {
			const found = methods[name]?.call(delegate());
			expect(Object.keys(found ?? {})).toEqual(reads);
			for (const read of reads) {
				calls.length = 0;
				const args = { where: { id: 'x' }, $rows: 'live' };
				found?.[read]?.(args);
				expect(call()).toMatchObject({ name: read, args: [{ where: { id: 'x' }, $rows }] });
			}
		}
	});

	it('purge by the id', () => {
		const { name, args } = called('purge', { where: { id: 'x' } });
		expect(name).toBe('$executeRaw');
		const [texts, ...values] = args as [string[], ...unknown[]];
		expect(values).toEqual(['x']);
		expect(texts.join('?').replaceAll(/\s+/g, ' ').trim()).toBe(
			'DELETE FROM public.destinations WHERE id = ?::uuid AND deleted_at IS NOT NULL',
		);
	});

	it.each<[unknown]>([
		[undefined],
		[{}],
		[{ where: 'x' }],
		[{ where: {} }],
		[{ where: { id: 1 } }],
		[{ where: { id: 'x', name: 'y' } }],
	])('purge nothing by %j', (args) => {
		expect(called('purge', args)).toMatchObject({ name: 'update', args: [{ $refusal: refusal }] });
	});

	it('purge nothing by what cannot be copied', () => {
		const args = { where: { id: 'x' }, other: () => {} };
		expect(called('purge', args)).toMatchObject({ name: 'update', args: [copyArguments(args)] });
	});
});
