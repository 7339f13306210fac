import { type DestinationsError, type ScopedClient, settingsError } from '../../src/index.ts';
import { destinationMethods } from '../../src/prisma/extension/destination-methods.ts';
import { operationNames } from '../../src/prisma/extension/operations.ts';
import { loose } from '../support/extended-client.ts';
import { nestedWrites } from './nested-writes.ts';
import { type AnyPrisma, destinationWrites, readOperations } from './prisma-writes.ts';
import {
	type Needs,
	readMethods,
	repositoryMethods,
	repositoryWrites,
	type Write,
} from './repository-methods.ts';
import { allTroubles, codeOf, type Target, type Troubled, TroubledDatabase } from './troubles.ts';

let database: TroubledDatabase;

beforeAll(async () => {
	database = await TroubledDatabase.open();
});

afterAll(() => database.close());

test('every method and every operation is swept', () => {
	const methods = [...readMethods, ...Object.keys(repositoryWrites)];
	expect(repositoryMethods()).toEqual(methods.sort());
	const operations = new Set([...operationNames, ...Object.keys(destinationMethods)]);
	expect([...operations].sort()).toEqual(
		[...new Set([...readOperations, ...Object.keys(destinationWrites)])].sort(),
	);
	expect(nestedWrites.filter(([, write]) => write === undefined)).toEqual([]);
});

/** Whether a write must be done, or refused. */
function mustSucceed(needs: Needs, { seals, opensEarlier }: Troubled): boolean {
	switch (needs) {
		case 'nothing':
			return true;
		case 'a key that seals':
			return seals;
		case 'the earlier settings':
			return seals && opensEarlier;
		case 'the stored settings':
		case 'more than keys':
			return false;
	}
}

/** Runs a write in trouble: it is done, or it throws and nothing changed. */
async function expectRule(
	troubled: Troubled,
	{ needs, ofDeleted, changesNothing }: Omit<Write<never>, 'run'>,
	run: (target: Target) => PromiseLike<unknown>,
): Promise<void> {
	const target = await database.newTarget();
	const { id, organizationId } = target;
	if (ofDeleted) await database.db.prisma.destination.delete({ where: { id } });
	await troubled.trouble(target);
	const before = await database.stateOf(target);
	let result: unknown;
	let error: DestinationsError | undefined;
	try {
		result = await run(target);
	} catch (thrown) {
		error = thrown as DestinationsError;
	}
	const after = await database.stateOf(target);
	if (mustSucceed(needs, troubled)) {
		expect(error).toBeUndefined();
		expect(after === before).toBe(changesNothing === true);
		for (const row of rowsIn(result, id)) {
			// Opened, where it was sealed anew, or it says whose it is.
			const reason = settingsError(row);
			if (reason) expect(reason).toMatchObject({ destinationId: id, organizationId });
			if (needs === 'nothing') expect(reason?.code).toBe(troubled.code);
		}
	} else if (needs === 'more than keys') {
		expect(error).toBeInstanceOf(Error);
		expect(after).toBe(before);
	} else {
		expect(error).toMatchObject({ code: troubled.code });
		if (needs === 'the stored settings') {
			expect(error).toMatchObject({ destinationId: id, organizationId });
		}
		expect(after).toBe(before);
	}
}

/** The rows in a result that are the target, as far as the result tells, with their settings. */
function rowsIn(result: unknown, id: string): { settings: unknown }[] {
	if (Array.isArray(result)) return result.flatMap((row) => rowsIn(row, id));
	if (typeof result !== 'object' || result === null) return [];
	const others = Object.entries(Object.getOwnPropertyDescriptors(result)).flatMap(
		([name, { value }]) => (name === 'settings' ? [] : rowsIn(value, id)),
	);
	if (!('settings' in result) || ('id' in result && result.id !== id)) return others;
	return [result as { settings: unknown }, ...others];
}

/** Where a write runs, with the client of a troubled service that it runs on. */
type Places<On> = Record<
	string,
	(
		troubled: Troubled,
		target: Target,
		run: (on: On) => PromiseLike<unknown>,
	) => PromiseLike<unknown>
>;

/** Runs in a transaction that is committed though the write throws: what it did shows afterwards. */
async function committed(
	begin: (work: () => Promise<void>) => Promise<void>,
	run: () => PromiseLike<unknown>,
): Promise<unknown> {
	let outcome: { result: unknown } | { error: unknown } | undefined;
	await begin(async () => {
		try {
			outcome = { result: await run() };
		} catch (error) {
			outcome = { error };
		}
	});
	if (outcome === undefined) throw new Error('the transaction did not run');
	if ('error' in outcome) throw outcome.error;
	return outcome.result;
}

const scopes: Record<string, (troubled: Troubled, target: Target) => ScopedClient> = {
	'an organization': ({ db }, { organizationId }) => db.forOrganization(organizationId),
	'the service': ({ db }) => db.asService(),
};

const inScope = <On>(client: (scope: Pick<ScopedClient, 'destinations' | 'prisma'>) => On) => {
	const places: Places<On> = {};
	for (const [name, scopeOf] of Object.entries(scopes)) {
		places[`in the scope of ${name}`] = (troubled, target, run) =>
			run(client(scopeOf(troubled, target)));
		places[`in a transaction of ${name}`] = (troubled, target, run) => {
			const scope = scopeOf(troubled, target);
			let on: On;
			return committed(
				(work) =>
					scope.transaction(async (tx) => {
						on = client(tx);
						await work();
					}),
				() => run(on),
			);
		};
	}
	return places;
};

const repositoryPlaces = inScope(({ destinations }) => destinations);

const prismaPlaces: Places<AnyPrisma> = {
	...inScope<AnyPrisma>(({ prisma }) => prisma),
	'in a batch of the service': ({ db }, _, run) => {
		const { prisma } = db.asService();
		return prisma.$transaction([run(prisma) as never]);
	},
	'on an own client': ({ extended }, _, run) => run(extended as unknown as AnyPrisma),
	'in a transaction of an own client': ({ extended }, _, run) => {
		let on: AnyPrisma;
		return committed(
			(work) =>
				extended.$transaction(async (tx) => {
					on = tx as unknown as AnyPrisma;
					await work();
				}),
			() => run(on),
		);
	},
	'in a batch of an own client': ({ extended }, _, run) =>
		loose(extended).$transaction([run(extended as unknown as AnyPrisma)]),
};

/** What an organization's own scope may not do. */
function isOfService(place: string): boolean {
	return !place.endsWith('an organization');
}

describe.each(allTroubles)('where %s', (trouble) => {
	let troubled: Troubled;

	beforeAll(() => {
		troubled = database.clientsIn(trouble);
	});

	describe.each(Object.entries(repositoryPlaces))('%s', (place, inPlace) => {
		const cases = Object.entries(repositoryWrites).flatMap(([method, writes]) =>
			Object.entries(writes)
				.filter(([, { service }]) => service === undefined || isOfService(place))
				// A transaction would be held open while a provider is waited for.
				.filter(() => !(method.startsWith('testConnection') && place.includes('transaction')))
				.map(([what, write]) => [`${method} ${what}`, write] as const),
		);
		test.each(cases)('destinations.%s', async (_, write) => {
			await expectRule(troubled, write, (target) =>
				inPlace(troubled, target, (on) => write.run(on, target)),
			);
		});
	});

	describe.each(Object.entries(prismaPlaces))('%s', (place, inPlace) => {
		const ofDestinations = Object.entries(destinationWrites).flatMap(([operation, writes]) =>
			Object.entries(writes)
				.filter(() => operation !== 'purge' || isOfService(place))
				.map(([what, write]) => [`destination.${operation} ${what}`, write] as const),
		);
		test.each(ofDestinations)('prisma.%s', async (_, write) => {
			await expectRule(troubled, write, (target) =>
				inPlace(troubled, target, (on) => write.run(on, target)),
			);
		});
	});

	// A tenant reads no organization and no user that it does not act for.
	const places = Object.entries(prismaPlaces).filter(([place]) => isOfService(place));
	const alike = allTroubles.filter((other) => codeOf(other) === codeOf(trouble));
	// They are many: each in another place in each trouble, and in one of those that have the same code.
	const cases = nestedWrites.flatMap(([name, write], index) => {
		if (alike[index % alike.length] !== trouble) return [];
		const [place, inPlace] = places[(index + allTroubles.indexOf(trouble)) % places.length] ?? [];
		return write && place && inPlace ? [[place, name, write, inPlace] as const] : [];
	});
	test.each(cases)('%s: prisma.%s', async (_, __, write, inPlace) => {
		await expectRule(troubled, write, (target) =>
			inPlace(troubled, target, (on) => write.run(on, target)),
		);
	});
});
