import { DestinationsClient, DestinationsError, type ScopedClient } from '../../src/index.ts';
import { destinationMethods } from '../../src/prisma/extension/destination-methods.ts';
import { AuditLog } from '../../src/repository/audit/audit-log.ts';
import { DestinationRepository } from '../../src/repository/repository.ts';
import { metaPixel } from '../support/destinations.ts';
import { destinationOfManyVersions, many } from '../support/many-versions.ts';
import type { Service } from '../support/service.ts';

/** Who calls, and on what. */
export interface Callers extends Crowd {
	readonly db: DestinationsClient;
	readonly acme: ScopedClient;
	readonly system: ScopedClient;
}

export function callersOf(db: DestinationsClient, crowd: Crowd): Callers {
	return { ...crowd, db, acme: db.forOrganization(crowd.organizationId), system: db.asService() };
}

/** A call, and what it may cost whatever there is in the database. */
export interface Call {
	readonly run: (on: Callers) => Promise<unknown>;
	/** @defaultValue 6 */
	readonly statements?: number;
	/** From the database. @defaultValue 32 */
	readonly kilobytes?: number;
	/** Rows and entries of indexes that Postgres reads. @defaultValue 600 */
	readonly rows?: number;
	/** Of a thousand callers at once: the codes with which those are refused that come too late. */
	readonly refused?: readonly string[];
	/** Why a thousand do not call it at once. */
	readonly alone?: string;
	/** Whether a thousand callers at once send no more than two would. */
	readonly shared?: boolean;
}

/** Two organizations with a destination of thousands of versions each, and thousands that were deleted. */
export interface Crowd {
	readonly organizationId: string;
	readonly id: string;
	readonly consoleId: string;
	readonly other: { readonly organizationId: string; readonly id: string };
	/** A destination whose three entries are older than all others, and of which nothing else is left. */
	readonly oldId: string;
	/** A user who acted a few times, long ago. */
	readonly actorId: string;
	/** Of an export of all that there is. */
	readonly exportCursor: string;
	/** The id of an entry with thousands of its organization's before and behind it. */
	readonly middleId: string;
}

export async function openCrowd(service: Service): Promise<Crowd> {
	const { organizationId, id } = await destinationOfManyVersions(service);
	const other = await destinationOfManyVersions(service);
	const { id: consoleId } = await service.db
		.forOrganization(organizationId)
		.destinations.create({ ...metaPixel(organizationId), type: 'console', settings: {} });
	const { admin } = service;
	const oldId = '0193a1b2-0000-7000-8000-0000000000a1';
	const actorId = '0193a1b2-0000-7000-8000-0000000000a2';
	await admin.query('SET session_replication_role = replica');
	await admin.query(
		`INSERT INTO destination_audit_log (id, organization_id, destination_id, version, action, actor_id, role, login,
			transaction_id, recorded_at)
		 OVERRIDING SYSTEM VALUE
		 SELECT -n, $1, $2, n, 'updated', $3, 'authenticated', 'x', 1, '2025-06-01' FROM generate_series(1, 3) AS n`,
		[organizationId, oldId, actorId],
	);
	// Thousands of organizations and destinations with a few entries each, which is what most have.
	await admin.query(
		`INSERT INTO destination_audit_log (organization_id, destination_id, version, action, role, login, transaction_id)
		 SELECT md5('o' || n / 4)::uuid, md5('d' || n / 2)::uuid, n % 2 + 1, 'updated', 'authenticated', 'x', 1
		   FROM generate_series(1, $1) AS n`,
		[2 * many],
	);
	// And thousands of live destinations that are older than those that were deleted.
	await admin.query(
		`WITH made AS (INSERT INTO organizations SELECT FROM generate_series(1, $1) RETURNING id)
		 INSERT INTO destinations (organization_id, type, name, created_at)
		 SELECT id, 'mixpanel', 'old', '2019-01-01' FROM made`,
		[many],
	);
	await admin.query('RESET session_replication_role');
	await admin.query('VACUUM ANALYZE destinations, destination_audit_log');
	const { rows } = await admin.query<{ id: string }>(
		'SELECT id FROM destination_audit_log WHERE organization_id = $1 ORDER BY id OFFSET 5000 LIMIT 1',
		[organizationId],
	);
	let exportCursor = '';
	const onCursor = (cursor: string) => {
		exportCursor = cursor;
	};
	for await (const _ of service.db.asService().audit.export({ actorId, onCursor }));
	const middleId = rows[0]?.id ?? '';
	return { ...{ organizationId, id, consoleId, other, oldId }, actorId, exportCursor, middleId };
}

async function take(lines: AsyncGenerator<string>, wanted: number): Promise<void> {
	for (let taken = 0; taken < wanted; taken += 1) await lines.next();
	await lines.return(undefined);
}

const newest = { orderBy: { id: 'desc' }, take: 25 } as const;
const oldest = { orderBy: { id: 'asc' }, take: 25 } as const;
const inWhole = { kilobytes: 300 };
/** What no index has is looked for among ten thousand entries. */
const looked = { rows: 21_000 };
/** A time with a few entries, and thousands of the same organization behind it. */
const [quiet, quietEnd] = [new Date('2025-05-01'), new Date('2025-07-01')];

/** A page of the log by way of Prisma. */
const logOf = (scope: 'acme' | 'system', argsOf: (on: Callers) => object) => async (on: Callers) =>
	on[scope].prisma.destinationAuditEntry.findMany(argsOf(on));

/** Calls that read, of an organization and of the service. */
export const reads: Readonly<Record<string, Call>> = {
	'destinations.findById': { run: ({ acme, id }) => acme.destinations.findById(id) },
	'destinations.findById of another organization': {
		run: ({ acme, other }) => acme.destinations.findById(other.id),
	},
	'destinations.findByOrganization': {
		run: ({ acme, organizationId }) => acme.destinations.findByOrganization(organizationId),
	},
	'destinations.findByOrganization, service': {
		run: ({ system, organizationId }) => system.destinations.findByOrganization(organizationId),
	},
	'destinations.findByType': { run: ({ acme }) => acme.destinations.findByType('posthog') },
	'destinations.findByType, service': {
		run: ({ system }) => system.destinations.findByType('posthog'),
	},
	'destinations.list': { run: ({ acme }) => acme.destinations.list({ limit: 5 }) },
	'destinations.list, service, of an organization': {
		run: ({ system, organizationId }) => system.destinations.list({ limit: 5, organizationId }),
	},
	'destinations.list, service': { run: ({ system }) => system.destinations.list({ limit: 5 }) },
	'destinations.list, service, of a type': {
		run: ({ system }) => system.destinations.list({ limit: 5, type: 'posthog' }),
	},
	'destinations.list, service, the oldest first': {
		run: ({ system }) => system.destinations.list({ limit: 5, order: 'oldest' }),
	},
	'destinations.list by name': {
		run: ({ acme }) => acme.destinations.list({ limit: 5, order: 'name', name: 'n' }),
	},
	'destinations.list, service, of an organization, by change': {
		run: ({ system, organizationId }) =>
			system.destinations.list({
				...{ limit: 5, order: 'changed', organizationId },
				...{ enabled: true, connectionStatus: 'unknown' },
			}),
	},
	'destinations.list, next page': {
		run: async ({ acme }) => {
			const { nextCursor } = await acme.destinations.list({ limit: 1 });
			return acme.destinations.list({ cursor: nextCursor ?? undefined });
		},
	},
	'destinations.count': { run: ({ acme }) => acme.destinations.count() },
	'destinations.count of what is on': {
		run: ({ acme }) => acme.destinations.count({ enabled: true, name: 'e' }),
	},
	'destinations.count, service, of an organization': {
		run: ({ system, organizationId }) => system.destinations.count({ organizationId }),
	},
	// It counts all of them, and sends a number.
	'destinations.count, service': {
		run: ({ system }) => system.destinations.count(),
		rows: 2 * many,
	},
	'destinations.history': { run: ({ acme, id }) => acme.destinations.history(id, { limit: 5 }) },
	'destinations.history, a page': { run: ({ acme, id }) => acme.destinations.history(id) },
	'destinations.history, next page': {
		run: ({ acme, id }) => acme.destinations.history(id, { cursor: '2500' }),
	},
	'destinations.history, service': { run: ({ system, id }) => system.destinations.history(id) },
	'destinations.diff': { run: ({ acme, id, consoleId }) => acme.destinations.diff(id, consoleId) },
	'destinations.diff of versions': {
		run: ({ acme, id }) => acme.destinations.diff({ id, version: 1 }, { id, version: 2501 }),
	},
	'destinations.history of another organization': {
		run: ({ acme, other }) => refusedWith('NOT_FOUND', acme.destinations.history(other.id)),
	},
	'audit.list': { run: ({ acme }) => acme.audit.list() },
	'audit.list, next page': { run: ({ acme, middleId }) => acme.audit.list({ cursor: middleId }) },
	'audit.list of a destination of thousands': {
		run: ({ acme, id }) => acme.audit.list({ destinationId: id }),
	},
	'audit.list of a destination of a few': {
		run: ({ acme, oldId }) => acme.audit.list({ destinationId: oldId }),
	},
	'audit.list of another organization': {
		run: ({ acme, other }) => acme.audit.list({ organizationId: other.organizationId }),
	},
	'audit.list of a destination of another organization': {
		run: ({ acme, other }) => acme.audit.list({ destinationId: other.id }),
	},
	'audit.list, service': { run: ({ system }) => system.audit.list() },
	'audit.list, service, of an organization': {
		run: ({ system, organizationId }) => system.audit.list({ organizationId }),
	},
	'audit.list, service, of a destination': {
		run: ({ system, id }) => system.audit.list({ destinationId: id }),
	},
	'audit.list, service, of a destination, next page': {
		run: ({ system, id, middleId }) => system.audit.list({ destinationId: id, cursor: middleId }),
	},
	'audit.list, service, of a destination of a few': {
		run: ({ system, oldId }) => system.audit.list({ destinationId: oldId }),
	},
	'audit.export': {
		run: ({ acme, oldId }) => take(acme.audit.export({ destinationId: oldId }), 5),
	},
	'audit.export of an organization': {
		run: ({ acme }) => take(acme.audit.export(), 5),
		...inWhole,
	},
	'audit.export, since a cursor': {
		run: ({ acme, exportCursor }) => take(acme.audit.export({ cursor: exportCursor }), 5),
	},
	'audit.export, service, since a cursor': {
		run: ({ system, exportCursor }) => take(system.audit.export({ cursor: exportCursor }), 5),
	},
	'audit.export of an organization, of a time': {
		run: ({ acme }) => take(acme.audit.export({ from: quiet, to: quietEnd }), 5),
	},
	'audit.export of an organization, of an action': {
		run: ({ acme }) => take(acme.audit.export({ action: 'keys_rotated' }), 5),
		...inWhole,
		...looked,
	},
	'audit.list of an actor of a few': { run: ({ acme, actorId }) => acme.audit.list({ actorId }) },
	'audit.list, service, of an actor of a few': {
		run: ({ system, organizationId, actorId }) => system.audit.list({ organizationId, actorId }),
	},
	'audit.list of an actor of another organization': {
		run: ({ system, other, actorId }) =>
			system.audit.list({ organizationId: other.organizationId, actorId }),
	},
	'audit.list of a time with a few': {
		run: ({ acme }) => acme.audit.list({ from: quiet, to: quietEnd }),
	},
	'audit.list of a time of thousands': {
		run: ({ acme }) => acme.audit.list({ from: quietEnd }),
	},
	'audit.list of a time of thousands, next page': {
		run: async ({ acme }) => {
			const { nextCursor } = await acme.audit.list({ from: quietEnd, limit: 1 });
			return acme.audit.list({ from: quietEnd, cursor: nextCursor ?? undefined });
		},
	},
	'audit.list of an action': {
		run: ({ acme }) => acme.audit.list({ action: 'keys_rotated' }),
		...looked,
	},
	'audit.list of an action of a few': {
		run: ({ acme }) => acme.audit.list({ action: 'created' }),
		...looked,
	},
	'audit.list, service, of an action of none': {
		run: ({ system }) => system.audit.list({ action: 'purged' }),
		...looked,
	},
	'audit.list of a destination of thousands, by an actor of a few': {
		run: ({ acme, id, actorId }) => acme.audit.list({ destinationId: id, actorId }),
		...looked,
	},
	'audit.export of a destination': {
		run: ({ acme, id }) => take(acme.audit.export({ destinationId: id }), 5),
		...inWhole,
	},
	'audit.export, service': { run: ({ system }) => take(system.audit.export(), 5), ...inWhole },
	'audit.export, service, of an organization': {
		run: ({ system, organizationId }) => take(system.audit.export({ organizationId }), 5),
		...inWhole,
	},
	'audit.export, service, of a destination': {
		run: ({ system, id }) => take(system.audit.export({ destinationId: id }), 5),
		...inWhole,
	},
	// Prisma sorts by id where it is not told otherwise, and Postgres reads what it sorts (docs/indexes.md).
	'prisma.withDeleted': {
		run: async ({ acme }) => acme.prisma.destination.withDeleted().findMany({ take: 5 }),
		rows: 2 * many,
	},
	'prisma.onlyDeleted': {
		run: async ({ acme }) => acme.prisma.destination.onlyDeleted().findMany({ take: 5 }),
		rows: 2 * many,
	},
	'log by prisma': { run: logOf('acme', () => newest) },
	'log by prisma, the oldest': { run: logOf('acme', () => oldest) },
	'log by prisma, behind a cursor': {
		run: logOf('acme', ({ middleId }) => ({
			...newest,
			cursor: { id: BigInt(middleId) },
			skip: 1,
		})),
	},
	'log by prisma, of an action': {
		run: logOf('acme', () => ({ ...newest, where: { action: 'updated' } })),
	},
	'log by prisma, of a destination': {
		run: logOf('acme', ({ id }) => ({ ...newest, where: { destinationId: id } })),
	},
	'log by prisma, of a destination of a few': {
		run: logOf('acme', ({ oldId }) => ({ ...newest, where: { destinationId: oldId } })),
	},
	'log by prisma, of a destination of another organization': {
		run: logOf('acme', ({ other }) => ({ ...newest, where: { destinationId: other.id } })),
	},
	'log by prisma, service': { run: logOf('system', () => newest) },
	'log by prisma, service, of an organization': {
		run: logOf('system', ({ organizationId }) => ({ ...newest, where: { organizationId } })),
	},
	'log by prisma, service, of an organization, the oldest': {
		run: logOf('system', ({ organizationId }) => ({ ...oldest, where: { organizationId } })),
	},
	'log by prisma, service, of a destination': {
		run: logOf('system', ({ id }) => ({ ...newest, where: { destinationId: id } })),
	},
	'log by prisma, service, of a destination, the oldest': {
		run: logOf('system', ({ id }) => ({ ...oldest, where: { destinationId: id } })),
	},
};

let names = 0;
const renamed = () => {
	names += 1;
	return { name: `renamed ${names}` };
};

/** Calls that write, in this order: what removes comes behind what changes. */
export const writes: Readonly<Record<string, Call>> = {
	'destinations.testConnection': {
		run: ({ acme, consoleId }) => acme.destinations.testConnection(consoleId),
		shared: true,
	},
	'destinations.testConnectionOutcome': {
		run: ({ acme, consoleId }) => acme.destinations.testConnectionOutcome(consoleId),
		shared: true,
	},
	'destinations.testSettings': {
		run: ({ acme }) => acme.destinations.testSettings('console', {}),
		statements: 0,
	},
	'destinations.create': {
		run: ({ acme, organizationId }) => acme.destinations.create(metaPixel(organizationId)),
		refused: ['ALREADY_EXISTS'],
	},
	'destinations.update': { run: ({ acme, id }) => acme.destinations.update(id, renamed()) },
	'destinations.patchSettings': {
		run: ({ acme, id }) => acme.destinations.patchSettings(id, { enableClientSide: true }),
	},
	'destinations.patchSettings, each otherwise': {
		run: ({ acme, id }) =>
			acme.destinations.patchSettings(id, { apiKey: `phc_${renamed().name.slice(8)}` }),
		// Who loses against another tries again, after a pause that grows: for ten seconds.
		statements: 60,
		refused: ['CONFLICT'],
	},
	'destinations.copyTo': {
		run: ({ acme, id }) => acme.destinations.copyTo(id, 'development'),
		refused: ['ALREADY_EXISTS', 'CONFLICT'],
	},
	'destinations.copyTo, over what is there': {
		run: ({ acme, id }) => acme.destinations.copyTo(id, 'development', { overwrite: true }),
	},
	'destinations.revert': {
		run: ({ acme, id }) => acme.destinations.revert(id, 1),
		statements: 10,
		refused: ['CONFLICT'],
	},
	'destinations.revert, to one in the midst': {
		run: ({ acme, id }) => acme.destinations.revert(id, 2501),
		statements: 10,
		refused: ['CONFLICT'],
	},
	'scope.transaction': {
		run: ({ acme, id }) => acme.transaction((tx) => tx.destinations.update(id, renamed())),
		alone: 'each holds a connection, so most of a thousand wait for longer than `maxWait`',
	},
	'destinations.softDelete': {
		run: ({ acme, id }) => acme.destinations.softDelete(id),
		refused: ['NOT_FOUND'],
	},
	'destinations.restore': {
		run: ({ acme, id }) => acme.destinations.restore(id),
		refused: ['NOT_FOUND'],
	},
	'prisma.delete': {
		run: async ({ acme, id }) => acme.prisma.destination.delete({ where: { id } }),
		refused: ['P2025'],
	},
	'prisma.restore': {
		run: async ({ acme, id }) => acme.prisma.destination.restore({ where: { id } }),
		refused: ['P2025'],
	},
	'prisma.deleteMany': {
		run: async ({ acme, id }) => acme.prisma.destination.deleteMany({ where: { id } }),
	},
	// Their settings, all of them, go with them.
	'prisma.purge': {
		run: async ({ system, other }) => system.prisma.destination.purge({ where: { id: other.id } }),
		rows: 6 * many,
	},
	'destinations.purge': {
		run: ({ system, id }) => system.destinations.purge(id),
		refused: ['NOT_FOUND'],
		rows: 6 * many,
	},
	// Those whose work is all of it, in batches: a few statements each, of which nothing but numbers comes back.
	'destinations.pruneSettingsHistory': {
		run: ({ system }) => system.destinations.pruneSettingsHistory({ keep: 3, batch: 1000 }),
		statements: 60,
		rows: 12 * many,
	},
	'destinations.purgeDeleted': {
		run: ({ system }) =>
			system.destinations.purgeDeleted({ olderThan: new Date('2021-01-01'), batch: 5000 }),
		rows: 40 * many,
	},
};

/** Calls of the client itself. */
export const clientCalls: Readonly<Record<string, Call>> = {
	'client.forOrganization': {
		run: async ({ db, organizationId }) => db.forOrganization(organizationId),
		statements: 0,
	},
	'client.asService': { run: async ({ db }) => db.asService(), statements: 0 },
	// For each of its two connections a look at what the login may read, and the role that a superuser's rests in.
	'client.connect': { run: ({ db }) => db.connect(), statements: 9 },
	'client.stats': { run: async ({ db }) => db.stats(), statements: 0 },
	'client.close': { run: ({ db }) => db.close(), statements: 0 },
};

/** Every public call of the repository, the log, the client, and what the extension adds to Prisma. */
export function publicCalls(scope: ScopedClient): string[] {
	const methodsOf = (prototype: object): string[] =>
		prototype === Object.prototype
			? []
			: [...Object.getOwnPropertyNames(prototype), ...methodsOf(Object.getPrototypeOf(prototype))];
	const all = [
		...methodsOf(DestinationRepository.prototype).map((name) => `destinations.${name}`),
		...methodsOf(AuditLog.prototype).map((name) => `audit.${name}`),
		...methodsOf(DestinationsClient.prototype).map((name) => `client.${name}`),
		...Object.keys(destinationMethods).map((name) => `prisma.${name}`),
		...Object.entries(scope).flatMap(([name, member]) =>
			typeof member === 'function' ? [`scope.${name}`] : [],
		),
	];
	return all.filter((name) => !name.endsWith('.constructor'));
}

/** Waits for a refusal, of a call that reads what is not to be had. */
async function refusedWith(code: string, call: Promise<unknown>): Promise<void> {
	const error = await call.catch((reason: unknown) => reason);
	if (!(error instanceof DestinationsError) || error.code !== code) throw error;
}
