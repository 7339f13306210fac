import { isDeepStrictEqual } from 'node:util';
import type { Model } from '../../test/two-roads/model.ts';
import { type State, stateOf } from '../../test/two-roads/state.ts';
import type { FaultKind } from './tally.ts';

/** The model that an organization's state agrees with, and the ids of its rows; undefined where it agrees with none. */
export function agreeing(
	state: State,
	models: readonly Model[],
	known: readonly string[],
): { model: Model; made: string[] } | undefined {
	// In the order in which they were made.
	const created = state.entries.filter(({ action }) => action === 'created').map(({ id }) => id);
	const made = [...known, ...created.filter((id) => !known.includes(id))];
	for (const model of models) {
		const ids = made.slice(0, model.rows.length);
		if (isDeepStrictEqual(state, stateOf(model, ids))) return { model, made: ids };
	}
	return undefined;
}

/** What kind of fault it is that a state agrees with no model. */
export function kindOfDifference(
	state: State,
	models: readonly Model[],
	made: readonly string[],
): FaultKind {
	const versions = new Map<string, number[]>();
	for (const { id, version } of state.entries) {
		versions.set(id, [...(versions.get(id) ?? []), version]);
	}
	const entries = [...versions.values()];
	if (entries.some((found) => new Set(found).size < found.length)) return 'duplicates';
	if (entries.some((found) => found.some((version, index) => version !== index + 1))) return 'gaps';
	const fewest = Math.min(...models.map(({ rows }) => rows.length));
	const most = Math.max(...models.map(({ rows }) => rows.length));
	if (state.rows.length > most) return 'duplicates';
	if (state.rows.length < fewest) return 'lost';
	const isOlder = models.every((model) =>
		stateOf(model, made).rows.some(
			({ id, version }) => (state.rows.find((row) => row.id === id)?.version ?? 0) < version,
		),
	);
	return isOlder ? 'lost' : 'wrong';
}
