import type { ScopedPrismaClient } from '../../src/index.ts';
import { posthogSettings } from '../support/extended-client.ts';
import type { Write } from './repository-methods.ts';
import type { Target } from './troubles.ts';

/** Operations of Prisma that write nothing. */
export const readOperations = [
	'findUnique',
	'findUniqueOrThrow',
	'findFirst',
	'findFirstOrThrow',
	'findMany',
	'count',
	'aggregate',
	'groupBy',
	'withDeleted',
	'onlyDeleted',
];

/** A scope's Prisma client, that of a transaction, or one with the extension. */
export type AnyPrisma = Pick<ScopedPrismaClient, 'destination' | 'organization' | 'user'>;

/** With all settings below it, in every way to ask for rows. */
const include = {
	organization: { include: { destinations: true } },
	createdByUser: { include: { createdDestinations: true } },
} as const;

const newData = () => ({ type: 'posthog', name: 'new', settings: posthogSettings() });

function created({ organizationId }: Target) {
	return { ...newData(), organizationId, environment: 'staging' };
}

const off = { enabled: false };

/** The writes of destinations alone, by operation of the extension and by what is done with it. */
export const destinationWrites: Record<string, Record<string, Write<AnyPrisma>>> = {
	create: {
		'': {
			needs: 'a key that seals',
			run: (on, target) => on.destination.create({ data: created(target), include }),
		},
	},
	createMany: {
		'': {
			needs: 'a key that seals',
			run: (on, target) => on.destination.createMany({ data: [created(target)] }),
		},
	},
	createManyAndReturn: {
		'': {
			needs: 'a key that seals',
			run: (on, target) => on.destination.createManyAndReturn({ data: [created(target)] }),
		},
	},
	update: {
		'': {
			needs: 'nothing',
			run: (on, { id }) => on.destination.update({ where: { id }, data: off }),
		},
		'with all below': {
			needs: 'nothing',
			run: (on, { id }) => on.destination.update({ where: { id }, data: off, include }),
		},
		'selecting settings': {
			needs: 'nothing',
			run: (on, { id }) =>
				on.destination.update({ where: { id }, data: off, select: { settings: true } }),
		},
		'of settings': {
			needs: 'a key that seals',
			run: (on, { id }) =>
				on.destination.update({ where: { id }, data: { ...off, settings: posthogSettings() } }),
		},
	},
	updateMany: {
		'': {
			needs: 'nothing',
			run: (on, { id }) => on.destination.updateMany({ where: { id }, data: off }),
		},
	},
	updateManyAndReturn: {
		'': {
			needs: 'nothing',
			run: (on, { id }) => on.destination.updateManyAndReturn({ where: { id }, data: off }),
		},
		'selecting settings': {
			needs: 'nothing',
			run: (on, { id }) =>
				on.destination.updateManyAndReturn({
					where: { id },
					data: off,
					select: { settings: true },
				}),
		},
	},
	upsert: {
		// What it would create is sealed before it is known whether the row is there.
		'': {
			needs: 'a key that seals',
			run: (on, target) =>
				on.destination.upsert({
					where: { id: target.id },
					create: created(target),
					update: { ...off },
				}),
		},
	},
	delete: {
		'': { needs: 'nothing', run: (on, { id }) => on.destination.delete({ where: { id } }) },
		'with all below': {
			needs: 'nothing',
			run: (on, { id }) => on.destination.delete({ where: { id }, include }),
		},
	},
	deleteMany: {
		'': { needs: 'nothing', run: (on, { id }) => on.destination.deleteMany({ where: { id } }) },
	},
	restore: {
		'': {
			needs: 'nothing',
			ofDeleted: true,
			run: (on, { id }) => on.destination.restore({ where: { id } }),
		},
	},
	purge: {
		'': {
			needs: 'nothing',
			ofDeleted: true,
			run: (on, { id }) => on.destination.purge({ where: { id } }),
		},
	},
};
