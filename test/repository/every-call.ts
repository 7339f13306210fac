import type { ScopedTransaction } from '../../src/index.ts';

/** A destination that calls are made on, and where another one can be created. */
export interface Subject {
	readonly id: string;
	readonly organizationId: string;
}

type Call = (scope: ScopedTransaction, subject: Subject) => Promise<unknown>;

const olderThan = new Date('2000-01-01');

/** Every call of the repository and the log that sends a statement. `unlisted()` finds those that are missing. */
export const everyCall: Readonly<Record<string, Call>> = {
	create: ({ destinations }, { organizationId }) =>
		destinations.create({
			organizationId,
			type: 'posthog',
			name: 'Second',
			environment: 'staging',
			settings: { apiKey: 'phc_second' },
		}),
	findById: ({ destinations }, { id }) => destinations.findById(id),
	findByOrganization: ({ destinations }, { organizationId }) =>
		destinations.findByOrganization(organizationId),
	findByType: ({ destinations }) => destinations.findByType('posthog'),
	list: ({ destinations }) => destinations.list(),
	count: ({ destinations }) => destinations.count(),
	update: ({ destinations }, { id }) => destinations.update(id, { name: 'Renamed' }),
	'update of settings': ({ destinations }, { id }) =>
		destinations.update(id, { settings: { apiKey: 'phc_third' } }),
	patchSettings: ({ destinations }, { id }) =>
		destinations.patchSettings(id, { apiKey: 'phc_fourth' }),
	copyTo: ({ destinations }, { id }) => destinations.copyTo(id, 'development'),
	softDelete: ({ destinations }, { id }) => destinations.softDelete(id),
	restore: ({ destinations }, { id }) => destinations.restore(id),
	history: ({ destinations }, { id }) => destinations.history(id),
	diff: ({ destinations }, { id }) => destinations.diff(id, { id, version: 1 }),
	revert: ({ destinations }, { id }) => destinations.revert(id, 1),
	testConnection: ({ destinations }, { id }) => destinations.testConnection(id),
	testConnectionOutcome: ({ destinations }, { id }) => destinations.testConnectionOutcome(id),
	purge: ({ destinations }, { id }) => destinations.purge(id),
	purgeDeleted: ({ destinations }) => destinations.purgeDeleted({ olderThan }),
	pruneSettingsHistory: ({ destinations }) => destinations.pruneSettingsHistory({ olderThan }),
	'audit.list': ({ audit }) => audit.list(),
	'audit.export': async ({ audit }) => {
		for await (const _ of audit.export());
	},
};

/** What a transaction refuses, because a provider would be waited for in it. */
export const outsideTransactions: ReadonlySet<string> = new Set([
	'testConnection',
	'testConnectionOutcome',
]);

/** Methods that no call of the list stands for. */
export function unlisted({ destinations, audit }: ScopedTransaction): string[] {
	const ofDestinations = methodsOf(destinations);
	const ofAudit = methodsOf(audit).map((name) => `audit.${name}`);
	// Asks a provider, and no database.
	const listed = new Set([...Object.keys(everyCall), 'testSettings']);
	return [...ofDestinations, ...ofAudit].filter((name) => !listed.has(name));
}

function methodsOf(object: object): string[] {
	const prototypes: object[] = [];
	for (
		let at = Object.getPrototypeOf(object);
		at !== Object.prototype;
		at = Object.getPrototypeOf(at)
	) {
		prototypes.push(at);
	}
	const names = prototypes.flatMap((prototype) => Object.getOwnPropertyNames(prototype));
	return names.filter((name) => name !== 'constructor');
}
