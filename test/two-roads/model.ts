/** What a destination is to this model: what both roads can change, without ids and times. */
export interface ModelRow {
	readonly type: 'posthog' | 'mixpanel';
	readonly environment: 'production' | 'staging';
	name: string;
	enabled: boolean;
	secret: string;
	version: number;
	deleted: boolean;
}

export interface Changes {
	readonly name?: string;
	readonly enabled?: boolean;
	readonly secret?: string;
}

/** One call. `row` counts the destinations that were made, and is a stranger's id where there is none of that number. */
export type Call =
	| {
			readonly kind: 'create';
			readonly type: ModelRow['type'];
			readonly environment: ModelRow['environment'];
			readonly name: string;
			readonly secret: string;
	  }
	| { readonly kind: 'update'; readonly row: number; readonly changes: Changes }
	| {
			readonly kind: 'update-version';
			readonly row: number;
			readonly changes: Changes;
			/** How many versions behind the caller is. */
			readonly behind: number;
	  }
	| ({ readonly kind: 'delete' } & Deletion)
	| ({ readonly kind: 'restore' } & Deletion);

interface Deletion {
	readonly row: number;
	/** How many versions behind the caller is, who says which one is meant. */
	readonly behind?: number | undefined;
}

export type Outcome = 'done' | 'already exists' | 'not found' | 'conflict' | 'not valid';

/** The entry of the log that a call makes. */
export interface ModelEntry {
	readonly row: number;
	readonly version: number;
	readonly action: string;
	readonly changes: readonly string[];
	readonly settingsChanged: boolean;
}

/** What a caller who is some versions behind takes for the version. */
export function expectedVersion(version: number, behind: number): number {
	return Math.max(1, version - behind);
}

/** Destinations of one organization in memory: what both roads have to agree with. */
export class Model {
	rows: ModelRow[] = [];
	entries: ModelEntry[] = [];

	copy(): Model {
		const copy = new Model();
		copy.rows = structuredClone(this.rows);
		copy.entries = [...this.entries];
		return copy;
	}

	call(call: Call): Outcome {
		switch (call.kind) {
			case 'create':
				return this.#create(call);
			case 'update':
				return this.#update(this.#live(call.row), call.changes);
			case 'update-version': {
				const index = this.#live(call.row);
				if (index === undefined) return 'not found';
				if (call.changes.name?.trim() === '') return 'not valid';
				const { version } = this.rows[index] ?? { version: 0 };
				return expectedVersion(version, call.behind) === version
					? this.#update(index, call.changes)
					: 'conflict';
			}
			case 'delete':
			case 'restore': {
				const deleted = call.kind === 'delete';
				const index = this.#find(call.row, !deleted);
				if (index === undefined) return 'not found';
				const { version } = this.rows[index] ?? { version: 0 };
				return expectedVersion(version, call.behind ?? 0) === version
					? this.#setDeleted(index, deleted)
					: 'conflict';
			}
		}
	}

	#create({ type, environment, name, secret }: Call & { kind: 'create' }): Outcome {
		if (name.trim() === '') return 'not valid';
		if (this.#isTaken({ type, environment })) return 'already exists';
		this.rows.push({
			type,
			environment,
			name: name.trim(),
			enabled: true,
			secret,
			version: 1,
			deleted: false,
		});
		this.#record(this.rows.length - 1, 'created', [], true);
		return 'done';
	}

	#update(index: number | undefined, changes: Changes): Outcome {
		if (changes.name?.trim() === '') return 'not valid';
		const row = this.rows[index ?? -1];
		if (index === undefined || row === undefined) return 'not found';
		const fields: string[] = [];
		const { enabled, secret } = changes;
		const name = changes.name?.trim();
		if (name !== undefined && name !== row.name) fields.push('name');
		if (enabled !== undefined && enabled !== row.enabled) fields.push('enabled');
		const settingsChanged = secret !== undefined && secret !== row.secret;
		// What changes nothing makes no version and no entry.
		if (fields.length === 0 && !settingsChanged) return 'done';
		const action = fields.includes('enabled') ? (enabled ? 'enabled' : 'disabled') : 'updated';
		Object.assign(row, {
			name: name ?? row.name,
			enabled: enabled ?? row.enabled,
			secret: secret ?? row.secret,
			version: row.version + 1,
		});
		this.#record(index, action, fields, settingsChanged);
		return 'done';
	}

	#setDeleted(index: number, deleted: boolean): Outcome {
		const row = this.rows[index];
		if (row === undefined) return 'not found';
		if (!deleted && this.#isTaken(row)) return 'already exists';
		row.deleted = deleted;
		row.version += 1;
		this.#record(index, deleted ? 'soft_deleted' : 'restored', ['deletedAt'], false);
		return 'done';
	}

	#live(row: number): number | undefined {
		return this.#find(row, false);
	}

	#find(row: number, deleted: boolean): number | undefined {
		return this.rows[row]?.deleted === deleted ? row : undefined;
	}

	#isTaken({ type, environment }: Pick<ModelRow, 'type' | 'environment'>): boolean {
		return this.rows.some(
			(row) => !row.deleted && row.type === type && row.environment === environment,
		);
	}

	#record(row: number, action: string, changes: readonly string[], settingsChanged: boolean): void {
		const version = this.rows[row]?.version ?? 0;
		this.entries.push({ row, version, action, changes, settingsChanged });
	}
}
