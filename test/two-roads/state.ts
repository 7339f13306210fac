import type { ScopedTransaction } from '../../src/index.ts';
import type { Model, ModelEntry, ModelRow } from './model.ts';

/** Everything that an organization has, by the ids of its destinations. */
export interface State {
	readonly rows: readonly (ModelRow & { readonly id: string })[];
	/** Ids of those that are not deleted, as a list has them. */
	readonly live: readonly string[];
	/** The log, oldest first. */
	readonly entries: readonly (Omit<ModelEntry, 'row'> & { readonly id: string })[];
}

const byId = (a: { id: string }, b: { id: string }) => (a.id < b.id ? -1 : 1);

/** By every way there is to read it. */
export async function readState(scope: ScopedTransaction): Promise<State> {
	const { prisma, destinations, audit } = scope;
	const rows = await prisma.destination.withDeleted().findMany();
	const { items } = await destinations.list();
	const log = await audit.list({ limit: 500 });
	return {
		rows: rows.map(toRow).sort(byId),
		live: items.map(({ id }) => id).sort(),
		entries: [...log.items].reverse().map((entry) => ({
			id: entry.destinationId ?? '',
			version: entry.version ?? 0,
			action: entry.action,
			changes:
				entry.action === 'created'
					? []
					: Object.keys(entry.changes)
							.filter((name) => name !== 'updatedBy')
							.sort(),
			settingsChanged: entry.settings.changed,
		})),
	};
}

type Found = Omit<ModelRow, 'type' | 'environment' | 'secret' | 'deleted'> & {
	readonly id: string;
	readonly type: string;
	readonly environment: string;
	readonly settings: unknown;
	readonly deletedAt: Date | null;
};

export function toRow(found: Found): ModelRow & { readonly id: string } {
	return {
		id: found.id,
		// Whatever it is: the comparison finds out.
		type: found.type as ModelRow['type'],
		environment: found.environment as ModelRow['environment'],
		name: found.name,
		enabled: found.enabled,
		secret: secretOf(found.settings),
		version: found.version,
		deleted: found.deletedAt !== null,
	};
}

/** The letter that the model knows, of settings as `roads.ts` makes them. */
export function secretOf(settings: unknown): string {
	const [, apiKey = '', projectToken = ''] =
		JSON.stringify(settings).match(/phc_(.)|"projectToken":"(.)/) ?? [];
	return apiKey + projectToken;
}

/** What {@link readState} returns where all is as the model has it. */
export function stateOf(model: Model, made: readonly string[]): State {
	const idOf = (row: number) => made[row] ?? '';
	const rows = model.rows.map((row, index) => ({ id: idOf(index), ...row })).sort(byId);
	return {
		rows,
		live: rows.filter(({ deleted }) => !deleted).map(({ id }) => id),
		entries: model.entries.map(({ row, ...entry }) => ({
			id: idOf(row),
			...entry,
			changes: [...entry.changes].sort(),
		})),
	};
}
