import { isDeepStrictEqual } from 'node:util';
import type { Environment } from '../../src/index.ts';
import type { Model } from '../../test/two-roads/model.ts';
import { stateOf } from '../../test/two-roads/state.ts';
import type { LoadedRow } from './messages.ts';

interface View {
	/** When it may have begun to be so. */
	readonly from: number;
	/** When it was no longer so. */
	until: number;
	readonly rows: readonly (LoadedRow & { readonly environment: Environment })[];
}

/** What a loader may have answered, and when: what is switched on in an organization, now and a while ago. */
export class LoadedViews {
	#views: View[] = [{ from: 0, until: Number.POSITIVE_INFINITY, rows: [] }];
	#writingAt = 0;

	/** A write was sent. */
	writing(sentAt: number): void {
		this.#writingAt = sentAt;
	}

	/** What is there after it. */
	wrote(model: Model, made: readonly string[]): void {
		const rows = stateOf(model, made)
			.rows.filter(({ enabled, deleted }) => enabled && !deleted)
			.map(({ id, type, version, secret, environment }) => ({
				...{ id, version, secret, type, environment },
			}));
		const now = performance.now();
		const before = this.#views.at(-1);
		if (before !== undefined) before.until = now;
		this.#views.push({ from: this.#writingAt, until: Number.POSITIVE_INFINITY, rows });
	}

	/** What is wrong with an answer that is no older than this; nothing where it was right since. */
	contradicts(
		environment: Environment,
		rows: readonly LoadedRow[],
		since: number,
	): string | undefined {
		const possible = this.#views
			.filter(({ until }) => until >= since)
			.map((view) =>
				view.rows
					.filter((row) => row.environment === environment)
					.map(({ environment: _, ...row }) => row),
			);
		if (possible.some((wanted) => isDeepStrictEqual(rows, wanted))) return undefined;
		const [found, wanted] = [rows, possible].map((value) => JSON.stringify(value));
		return `the loader: ${found} in the place of one of ${wanted}`;
	}
}
