import {
	batchOf,
	type LookUpClient,
	lookUpOn,
	runInBatch,
	runInTransaction,
	transactionOf,
} from '../../../src/prisma/extension/transaction.ts';

// Which transaction, and which batch, the code runs in.

/** A client that notes how it is asked for rows. */
function client() {
	const asked: object[] = [];
	const made: LookUpClient & { asked: object[] } = {
		asked,
		destination: {
			findMany: async (args) => {
				asked.push(args);
				return [];
			},
		},
	};
	return made;
}

it('a look-up finds live rows by their ids, with their settings as they are stored', async () => {
	const on = client();
	const select = {
		...{ id: true, organizationId: true, type: true, environment: true },
		...{ settings: true, settingsEncrypted: true },
	};
	const where = { id: { in: ['a', 'b'] }, deletedAt: null };
	expect(await lookUpOn(on, ['a', 'b'])).toEqual([]);
	await lookUpOn(on, ['a', 'b'], { $stored: true });
	expect(on.asked).toEqual([
		{ where, select },
		{ where, select, $stored: true },
	]);
});

describe('the transaction of a client', () => {
	it('is the innermost that the code runs in, and the client itself outside', async () => {
		const [owner, other, outer, inner, others] = [client(), client(), client(), client(), client()];
		expect(transactionOf(owner)).toBe(owner);
		const done = await runInTransaction(owner, outer, async () => {
			expect(transactionOf(owner)).toBe(outer);
			expect(transactionOf(other)).toBe(other);
			await runInTransaction(owner, inner, async () => {
				await Promise.resolve();
				expect(transactionOf(owner)).toBe(inner);
			});
			await runInTransaction(other, others, async () => {
				expect(transactionOf(owner)).toBe(outer);
				expect(transactionOf(other)).toBe(others);
			});
			expect(transactionOf(owner)).toBe(outer);
			return 'done';
		});
		expect(done).toBe('done');
		expect(transactionOf(owner)).toBe(owner);
	});

	it('is over once its work is done, also for what that has left running', async () => {
		const [owner, outer, inner] = [client(), client(), client()];
		const seen: LookUpClient[] = [];
		const leave = async () => {
			await new Promise(setImmediate);
			seen.push(transactionOf(owner));
		};
		let left: Promise<void> = Promise.resolve();
		await runInTransaction(owner, outer, async () => {
			const failing = runInTransaction(owner, inner, () => {
				left = leave();
				throw new Error('rolled back');
			});
			await expect(failing).rejects.toThrow('rolled back');
			await left;
			left = leave();
		});
		await left;
		expect(seen).toEqual([outer, owner]);
		expect(seen[0]).toBe(outer);
	});
});

describe('a batch', () => {
	const conflict = Object.assign(new Error('conflict'), { code: 'P2002' });
	const row = { id: 'x', organizationId: 'o', type: 'console' };

	it('is known to its operations, and to nothing else', async () => {
		expect(batchOf()).toBeUndefined();
		const result = await runInBatch(
			async () => batchOf(),
			async () => [],
		);
		expect(result).toEqual({ rows: new Map(), upserts: new Set() });
		expect(batchOf()).toBeUndefined();
	});

	it('is sent once more, as a new one, where a row of an upsert was created meanwhile', async () => {
		const looked: unknown[] = [];
		let times = 0;
		const result = await runInBatch(
			async () => {
				times += 1;
				const batch = batchOf();
				const { rows, upserts } = batch ?? {};
				if (times > 1) return { rows: rows?.size, upserts: upserts?.size };
				rows?.set('x', row);
				upserts?.add('x').add('y');
				throw conflict;
			},
			async (ids) => {
				looked.push(ids);
				return [row];
			},
		);
		expect(result).toEqual({ rows: 0, upserts: 0 });
		expect(looked).toEqual([['x', 'y']]);
	});

	it('fails once where it upserts nothing, or no row was created', async () => {
		for (const [upserts, found] of [
			[[], [row]],
			[['x'], []],
		] as const) {
			let [times, looked] = [0, 0];
			const failing = runInBatch(
				async () => {
					times += 1;
					for (const id of upserts) batchOf()?.upserts.add(id);
					throw conflict;
				},
				async () => {
					looked += 1;
					return found;
				},
			);
			await expect(failing).rejects.toBe(conflict);
			expect([times, looked]).toEqual([1, upserts.length]);
		}
	});
});
