import type { DestinationRepository } from '../../src/index.ts';
import { DestinationRepository as Repository } from '../../src/repository/repository.ts';
import { posthog, posthogKey } from '../support/destinations.ts';
import type { Target } from './troubles.ts';

/** What a write needs to be done. */
export type Needs =
	/** No key at all. */
	| 'nothing'
	/** A key that seals. */
	| 'a key that seals'
	/** The settings that are there. */
	| 'the stored settings'
	/** Settings that were replaced, and a key that seals. */
	| 'the earlier settings'
	/** Prisma or the database refuse it, whatever keys there are. */
	| 'more than keys';

/** A write to a target. */
export interface Write<On> {
	readonly needs: Needs;
	/** Whether the target is soft-deleted before. */
	readonly ofDeleted?: true;
	/** Whether nothing is left to change where it is done. */
	readonly changesNothing?: true;
	readonly run: (on: On, target: Target) => PromiseLike<unknown>;
}

type Method = Exclude<keyof DestinationRepository, symbol>;

/** Methods that write nothing. `reads.test.ts` has them. */
export const readMethods = [
	'findById',
	'findByOrganization',
	'findByType',
	'list',
	'count',
	'history',
	'diff',
	'testSettings',
] as const satisfies Method[];

type WriteMethod = Exclude<Method, (typeof readMethods)[number]>;

/** By method, and by what is done with it. */
export const repositoryWrites: Record<
	WriteMethod,
	Record<string, Write<DestinationRepository> & { readonly service?: true }>
> = {
	create: {
		'': {
			needs: 'a key that seals',
			run: (on, { organizationId }) =>
				on.create({ ...posthog(organizationId), environment: 'staging' }),
		},
	},
	update: {
		'switching off': { needs: 'nothing', run: (on, { id }) => on.update(id, { enabled: false }) },
		'renaming an expected version': {
			needs: 'nothing',
			run: (on, { id }) => on.update(id, { name: 'renamed' }, { expectedVersion: 2 }),
		},
		'moving to another environment, where its host may not be a local one': {
			needs: 'the stored settings',
			run: (on, { id }) => on.update(id, { environment: 'staging' }),
		},
		'moving to development': {
			needs: 'nothing',
			run: (on, { id }) => on.update(id, { environment: 'development' }),
		},
		'of settings': {
			needs: 'a key that seals',
			run: (on, { id }) => on.update(id, { enabled: false, settings: { apiKey: posthogKey } }),
		},
	},
	patchSettings: {
		'': {
			needs: 'the stored settings',
			run: (on, { id }) => on.patchSettings(id, { enableClientSide: false }),
		},
	},
	revert: {
		'': { needs: 'the earlier settings', run: (on, { id }) => on.revert(id, 1) },
	},
	copyTo: {
		'': {
			needs: 'the stored settings',
			run: (on, { id }) => on.copyTo(id, 'staging'),
		},
	},
	softDelete: {
		'': { needs: 'nothing', run: (on, { id }) => on.softDelete(id) },
		'of an expected version': {
			needs: 'nothing',
			run: (on, { id }) => on.softDelete(id, { expectedVersion: 2 }),
		},
	},
	restore: { '': { needs: 'nothing', ofDeleted: true, run: (on, { id }) => on.restore(id) } },
	purge: {
		'': { needs: 'nothing', ofDeleted: true, service: true, run: (on, { id }) => on.purge(id) },
	},
	purgeDeleted: {
		'': {
			needs: 'nothing',
			ofDeleted: true,
			service: true,
			run: (on) => on.purgeDeleted({ olderThan: new Date(Date.now() + 60_000) }),
		},
	},
	pruneSettingsHistory: {
		'': { needs: 'nothing', service: true, run: (on) => on.pruneSettingsHistory({ keep: 0 }) },
	},
	testConnection: {
		'': { needs: 'the stored settings', run: (on, { id }) => on.testConnection(id) },
	},
	testConnectionOutcome: {
		'': { needs: 'the stored settings', run: (on, { id }) => on.testConnectionOutcome(id) },
	},
};

/** Every method that a repository has. */
export function repositoryMethods(): string[] {
	const names: string[] = [];
	for (
		let prototype: object = Repository.prototype;
		prototype !== Object.prototype;
		prototype = Object.getPrototypeOf(prototype)
	) {
		names.push(...Object.getOwnPropertyNames(prototype));
	}
	return [...new Set(names)].filter((name) => name !== 'constructor').sort();
}
