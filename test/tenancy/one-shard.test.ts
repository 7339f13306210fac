import { randomUUID } from 'node:crypto';
import { Query } from 'pg';
import type { ScopedPrismaClient } from '../../src/index.ts';
import {
	createDestinationsLoader,
	DestinationsError,
	EnvelopeKeyProvider,
	type OrganizationOptions,
	type ScopedTransaction,
} from '../../src/index.ts';
import { everyCall, type Subject, unlisted } from '../repository/every-call.ts';
import { type Service, startService } from '../support/service.ts';
import { nestedWrites } from '../unopened/nested-writes.ts';
import type { Target } from '../unopened/troubles.ts';
import { Deployment, type Tenant } from './deployment.ts';
import { reads } from './reads.ts';
import { type SentStatement, Shards } from './shards.ts';
import { destinationWrites } from './writes.ts';

// Each statement about the rows of one organization names it, so that it leads to one shard and one partition.

let service: Service;
let shards: Shards;

beforeAll(async () => {
	[service, shards] = await Promise.all([startService(), Shards.open()]);
});

afterAll(async () => {
	await shards?.[Symbol.asyncDispose]();
	await service?.stop();
});

const { prepare } = Query.prototype as unknown as { prepare: (connection: unknown) => void };

/** What is sent while something runs. */
async function sentBy(run: () => Promise<unknown>): Promise<SentStatement[]> {
	const sent: SentStatement[] = [];
	const spy = jest
		.spyOn(Query.prototype as unknown as { prepare: typeof prepare }, 'prepare')
		.mockImplementation(function (this: SentStatement, connection) {
			sent.push({ text: this.text, values: this.values ?? [] });
			prepare.call(this, connection);
		});
	try {
		await run();
	} finally {
		spy.mockRestore();
	}
	return sent;
}

/** Texts that are known to lead to one. */
const single = new Set<string>();

/** Those of the statements that lead to more than one shard. */
async function spread(sent: readonly SentStatement[]): Promise<string[]> {
	const found: string[] = [];
	for (const statement of sent) {
		if (single.has(statement.text)) continue;
		const reached = await shards.reachedBy(statement);
		if (reached.length > 1) found.push(statement.text);
		else single.add(statement.text);
	}
	return found;
}

async function subject(name: string): Promise<Subject> {
	const organizationId = await service.createOrganization();
	const { destinations } = service.db.forOrganization(organizationId);
	const isTested = name.startsWith('testConnection');
	const { id } = await destinations.create({
		...{ organizationId, name: 'First', environment: 'production' },
		...(isTested
			? { type: 'console', settings: {} }
			: { type: 'posthog', settings: { apiKey: 'phc_first' } }),
	});
	if (!isTested) await destinations.patchSettings(id, { apiKey: 'phc_second' });
	if (name === 'restore' || name === 'purge') await destinations.softDelete(id);
	return { id, organizationId };
}

test('every method of the repository and the log stands in the list of calls', () => {
	expect(unlisted(service.db.asService())).toEqual([]);
});

/** What the calls of the list do not come to. */
const more: Readonly<
	Record<string, (on: ScopedTransaction, subject: Subject) => Promise<unknown>>
> = {
	'findById of what is not there': ({ destinations }) => destinations.findById(randomUUID()),
	'findByOrganization, one environment': ({ destinations }, { organizationId }) =>
		destinations.findByOrganization(organizationId, 'staging'),
	'findByType, one environment': ({ destinations }) =>
		destinations.findByType('posthog', 'production'),
	'list by everything, in pages': async ({ destinations }, { organizationId }) => {
		const state = { enabled: true, connectionStatus: 'unknown', name: 'F' } as const;
		const filter = {
			...state,
			organizationId,
			type: 'posthog',
			environment: 'production',
		} as const;
		const another = { organizationId, type: 'console', name: 'Further', settings: {} } as const;
		await destinations.create(another);
		for (const order of ['newest', 'oldest', 'changed', 'name'] as const) {
			const { nextCursor } = await destinations.list({ limit: 1, order });
			await destinations.list({ ...filter, limit: 1, order, cursor: nextCursor ?? undefined });
			await destinations.count(filter);
		}
	},
	'update at another version': ({ destinations }, { id }) =>
		refusedWith('CONFLICT', destinations.update(id, { enabled: false }, { expectedVersion: 9 })),
	'patchSettings of what somebody else changed': async ({ destinations }, { id }) => {
		await service.admin.query(`UPDATE destinations SET name = 'Other' WHERE id = '${id}'`);
		await destinations.patchSettings(id, { apiKey: 'phc_third' });
	},
	'update of what is not there': ({ destinations }) =>
		refusedWith('NOT_FOUND', destinations.update(randomUUID(), { enabled: false })),
	'softDelete at another version': ({ destinations }, { id }) =>
		refusedWith('CONFLICT', destinations.softDelete(id, { expectedVersion: 9 })),
	'copyTo over what is there': async ({ destinations }, { id }) => {
		await destinations.copyTo(id, 'development');
		await destinations.update(id, { name: 'Changed' });
		await destinations.copyTo(id, 'development', { overwrite: true });
	},
	'history in pages': async ({ destinations }, { id }) => {
		const { nextCursor } = await destinations.history(id, { limit: 1 });
		await destinations.history(id, { limit: 1, cursor: nextCursor ?? undefined });
	},
	'history of what is not there': ({ destinations }) =>
		refusedWith('NOT_FOUND', destinations.history(randomUUID())),
	'testSettings of what is stored': ({ destinations }, { id }) =>
		refusedWith('VALIDATION', destinations.testSettings(id, { colour: 1 })),
	'audit.list by everything, in pages': async ({ audit }, { id, organizationId }) => {
		const filter = { destinationId: id, organizationId, actorId: randomUUID() };
		const { nextCursor } = await audit.list({ limit: 1 });
		await audit.list({ ...filter, action: 'updated', cursor: nextCursor ?? undefined });
		await audit.list({ ...filter, from: new Date(0), to: new Date() });
	},
	'audit.export by everything, from a cursor': async ({ audit }, { id }) => {
		let cursor: string | undefined;
		const onCursor = (next: string) => {
			cursor = next;
		};
		for await (const _ of audit.export({ onCursor }));
		for await (const _ of audit.export({ cursor, destinationId: id, action: 'updated' }));
		for await (const _ of audit.export({ from: new Date(0), to: new Date() }));
	},
};

async function refusedWith(code: string, call: Promise<unknown>): Promise<void> {
	const error = await call.catch((reason: unknown) => reason);
	if (!(error instanceof DestinationsError) || error.code !== code) throw error;
}

/** What is for the service alone. */
const ofService: ReadonlySet<string> = new Set(['purge', 'purgeDeleted', 'pruneSettingsHistory']);

describe('in the scope of an organization', () => {
	const calls = Object.entries({ ...everyCall, ...more }).filter(([name]) => !ofService.has(name));

	test.each(calls)('%s leads to one shard', async (name, call) => {
		const on = await subject(name);
		const scope = service.db.forOrganization(on.organizationId);
		const sent = await sentBy(() => call(scope, on));
		expect(sent.length).toBeGreaterThan(0);
		expect(await spread(sent)).toEqual([]);
	});
});

type OneById = (
	on: ScopedTransaction['destinations'],
	id: string,
	whose: OrganizationOptions,
) => Promise<unknown>;

/** Every call that names a destination by its id. */
const byId: Readonly<Record<string, OneById>> = {
	findById: (on, id, whose) => on.findById(id, whose),
	update: (on, id, whose) => on.update(id, { enabled: false }, whose),
	'update of settings': (on, id, whose) =>
		on.update(id, { settings: { apiKey: 'phc_third' } }, whose),
	patchSettings: (on, id, whose) => on.patchSettings(id, { apiKey: 'phc_third' }, whose),
	copyTo: (on, id, whose) => on.copyTo(id, 'staging', whose),
	softDelete: (on, id, whose) => on.softDelete(id, whose),
	restore: (on, id, whose) => on.restore(id, whose),
	testConnection: (on, id, whose) => on.testConnection(id, whose),
	testConnectionOutcome: (on, id, whose) => on.testConnectionOutcome(id, whose),
	testSettings: (on, id, whose) => on.testSettings(id, {}, whose),
	history: (on, id, whose) => on.history(id, whose),
	diff: (on, id, whose) => on.diff({ id, version: 1 }, id, whose),
	revert: (on, id, whose) => on.revert(id, 1, whose),
	purge: (on, id, whose) => on.purge(id, whose),
};

/** What it comes to, without what differs from one destination to another. */
async function outcomeOf(call: Promise<unknown>): Promise<unknown> {
	try {
		const answer = await call;
		return answer === undefined || answer === null ? answer : 'an answer';
	} catch (error) {
		return (error as { code?: unknown }).code ?? error;
	}
}

test('every call that takes an id is in the sweep by id', () => {
	const others = ['create', 'findByOrganization', 'findByType', 'list', 'count'];
	const listed = [...others, ...Object.keys(byId), 'purgeDeleted', 'pruneSettingsHistory'];
	const methods = Object.keys(everyCall).filter((name) => !name.startsWith('audit.'));
	expect(methods.filter((name) => !listed.includes(name))).toEqual([]);
});

describe.each(Object.entries(byId))('%s with an organizationId', (name, call) => {
	let on: Subject;

	beforeEach(async () => {
		on = await subject(name === 'testSettings' ? 'testConnection' : name);
	});

	const rows = async () => {
		const { rows: all } = await service.admin.query(
			'SELECT d.*, (SELECT count(*) FROM destination_audit_log) FROM destinations d ORDER BY id',
		);
		return all;
	};

	test('leads to one shard in the scope of the service', async () => {
		const { destinations } = service.db.asService();
		const whose = { organizationId: on.organizationId.toUpperCase() };
		const sent = await sentBy(async () => {
			expect(await outcomeOf(call(destinations, on.id, whose))).toBe(
				/^(softDelete|restore|purge)$/.test(name) ? undefined : 'an answer',
			);
		});
		expect(sent.length).toBeGreaterThan(0);
		expect(await spread(sent)).toEqual([]);
	});

	test('finds nothing of another organization, as of what never existed', async () => {
		const { destinations } = service.db.asService();
		// This client has seen the destination, and knows what its settings are.
		await outcomeOf(destinations.findById(on.id));
		const before = await rows();
		const whose = { organizationId: await service.createOrganization() };
		const outcome = await outcomeOf(call(destinations, on.id, whose));
		expect(outcome).toBe(name === 'findById' ? null : 'NOT_FOUND');
		expect(outcome).toBe(await outcomeOf(call(destinations, randomUUID(), whose)));
		expect(await rows()).toEqual(before);
	});

	test('refuses what is not a UUID, and an organization that is not that of the scope', async () => {
		const before = await rows();
		const { destinations } = service.db.asService();
		for (const organizationId of ['acme', '', 5, null]) {
			const whose = { organizationId: organizationId as never };
			expect(await outcomeOf(call(destinations, on.id, whose))).toBe('VALIDATION');
		}
		const own = service.db.forOrganization(on.organizationId);
		const another = { organizationId: await service.createOrganization() };
		expect(await outcomeOf(call(own.destinations, on.id, another))).toBe('FORBIDDEN');
		expect(await rows()).toEqual(before);
	});

	test('is what the scope of an organization says anyway', async () => {
		const { destinations } = service.db.forOrganization(on.organizationId);
		const whose = { organizationId: on.organizationId };
		const outcome = await outcomeOf(call(destinations, on.id, whose));
		expect(outcome).toBe(
			name === 'purge'
				? 'FORBIDDEN'
				: /^(softDelete|restore)$/.test(name)
					? undefined
					: 'an answer',
		);
	});
});

describe('by Prisma, in the scope of an organization', () => {
	let deployment: Deployment;
	let writer: Tenant;

	beforeAll(async () => {
		deployment = await Deployment.open();
		writer = await deployment.newTenant(deployment.open());
	});

	afterAll(() => deployment?.close());

	const isRaw = (name: string) => name.startsWith('$');

	/** By relations that are not those of the organization. */
	const byUsers: typeof reads = {
		'user, with a count': ({ user }) => user.findMany({ include: { _count: true } }),
		'user, with a count of some': ({ user }) =>
			user.findMany({
				select: { _count: { select: { createdDestinations: { where: { enabled: true } } } } },
			}),
		'user, by destinations': ({ user }) =>
			user.findMany({
				where: {
					createdDestinations: { some: { enabled: true }, every: { enabled: true } },
					updatedDestinations: { none: { enabled: false } },
				},
			}),
		'destination, by the destinations of its user': ({ destination }) =>
			destination.findMany({
				where: {
					createdByUser: { is: { createdDestinations: { every: { testMode: false } } } },
					NOT: { updatedByUser: { updatedDestinations: { some: { testMode: true } } } },
				},
				orderBy: { organization: { id: 'asc' } },
			}),
	};

	test.each(Object.entries({ ...reads, ...byUsers }).filter(([name]) => !isRaw(name)))(
		'%s leads to one shard',
		async (_, read) => {
			const { prisma } = writer.client;
			const sent = await sentBy(async () => read(prisma, writer));
			expect(sent.length).toBeGreaterThan(0);
			expect(await spread(sent)).toEqual([]);
		},
	);

	const writes = [
		...Object.entries(destinationWrites).map(([name, [write]]): [string, Written] => [
			name,
			async (prisma) => write(prisma, writer, writer),
		]),
		...nestedWrites.map(([name, write]): [string, Written] => [
			name,
			async (prisma, target) => write?.run(prisma, target),
		]),
	].filter(([name]) => !isRaw(name));

	test.each(writes)('%s leads to one shard', async (_, write) => {
		const target = {
			...{ id: writer.own.id, organizationId: writer.id },
			...{ userId: writer.actorId, newId: randomUUID() },
		};
		const sent = await sentBy(async () => {
			const written = writer.client.prisma.$transaction(async (transaction) => {
				await write(transaction, target);
				throw new RolledBack();
			});
			// Some are refused, which others hold: as far as they come, they look in one shard.
			await written.catch(() => {});
		});
		expect(await spread(sent)).toEqual([]);
	});
});

class RolledBack extends Error {}

type Written = (prisma: ScopedPrismaClient, target: Target) => Promise<unknown>;

describe('beside the repository', () => {
	test('a loader reads an organization from one shard', async () => {
		const { organizationId } = await subject('findById');
		const connectionString = service.logins.loaderConnectionString;
		await using loader = createDestinationsLoader({ connectionString, keys: service.keys });
		await loader.start();
		const sent = await sentBy(async () => {
			expect(await loader.findEnabled(organizationId, 'production')).toHaveLength(1);
		});
		// Its polls are about every organization.
		const read = sent.filter(({ text }) => !text.includes('FROM public.destination_audit_log'));
		expect(read.length).toBeGreaterThan(0);
		expect(await spread(read)).toEqual([]);
	});

	test('data keys are found, made and shredded in one shard', async () => {
		const organizationId = await service.createOrganization();
		await using provider = new EnvelopeKeyProvider({
			...{ wrap: async () => Buffer.alloc(64), unwrap: async () => Buffer.alloc(32) },
			...{ cacheSeconds: 0, connectionString: service.connectionString },
		});
		const sent = await sentBy(async () => {
			const first = await provider.primaryKeyId(organizationId);
			await provider.getKey(first, organizationId);
			await provider.renew(organizationId);
			await provider.shred(organizationId);
		});
		expect(sent.length).toBeGreaterThan(4);
		expect(await spread(sent)).toEqual([]);
	});

	/** Statements of functions that name no organization, by the function and why. */
	const others: Readonly<Record<string, string>> = {
		advance_destination_audit_log_id: 'looks for the newest id of the whole log',
		log_destinations_key_rotation: 'makes one entry for a rotation, which is of all organizations',
		log_pruned_destination_audit_log:
			'makes one entry for a removal, which is of all organizations',
		prune_destination_audit_log: 'removes by age, of all organizations',
	};

	test('what triggers and functions do names the organization', async () => {
		const { rows } = await service.admin.query<{ name: string; body: string }>(
			`SELECT proname AS name, prosrc AS body FROM pg_proc
			  WHERE pronamespace = 'public'::regnamespace AND prosrc LIKE '%public.destination%'`,
		);
		const found = rows.flatMap(({ name, body }) =>
			body
				.replace(/--.*$/gm, '')
				.split(/;|\bBEGIN\b|\bTHEN\b|\bDECLARE\b/)
				.filter((text) => ofOrganizations.test(text) && !text.includes('organization_id'))
				.map(() => name),
		);
		expect(rows.length).toBeGreaterThan(5);
		expect([...new Set(found)].sort()).toEqual(Object.keys(others).sort());
	});
});

/** What reads or changes rows that belong to organizations. */
const ofOrganizations =
	/\b(FROM|JOIN|INTO|UPDATE|USING)\s+(ONLY\s+)?public\.destination(s|_audit_log|_settings_history|_data_keys)\b/;
