import type {
	ConnectionTestOutcome,
	Destination,
	DestinationVersion,
	Page,
	Redacted,
	SettingsDescription,
	ValidationIssue,
} from '@consent-io/destinations';

/** As it comes over HTTP. */
export type Shown = Redacted<Destination>;

export interface Vocabulary {
	readonly types: readonly SettingsDescription[];
	readonly purposes: readonly string[];
	readonly environments: readonly string[];
}

export type Deleted = Pick<Destination, 'id' | 'type' | 'name' | 'environment'>;

/** What a form holds. */
export interface Fields {
	readonly name: string;
	readonly description: string;
	readonly environment: string;
	readonly enabled: boolean;
	readonly testMode: boolean;
	readonly requiredConsent: readonly string[];
	readonly settings: Readonly<Record<string, string | boolean>>;
}

/** What the server refused (RFC 9457). */
export class Problem extends Error {
	/** What is wrong, by place. */
	readonly issues: readonly ValidationIssue[];

	constructor({ title, detail, issues = [] }: { title: string; detail?: string; issues?: [] }) {
		super(detail ?? title);
		this.issues = issues;
	}
}

async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
	const response = await fetch(`/api${path}`, {
		method,
		...(body !== undefined && {
			headers: { 'content-type': 'application/json' },
			body: JSON.stringify(body),
		}),
	});
	const answer = response.status === 204 ? undefined : await response.json();
	if (!response.ok) throw new Problem(answer);
	return answer;
}

const at = (id: string) => `/destinations/${encodeURIComponent(id)}`;

export const api = {
	vocabulary: () => ask<Vocabulary>('GET', '/vocabulary'),
	list: (query: URLSearchParams) =>
		ask<{ items: Shown[]; count: number }>('GET', `/destinations?${query}`),
	deleted: () => ask<{ items: Deleted[] }>('GET', '/deleted'),
	find: (id: string) => ask<Shown>('GET', at(id)),
	create: (type: string, fields: Fields) =>
		ask<Shown>('POST', '/destinations', { type, ...fields }),
	change: (id: string, version: number, fields: Fields) =>
		ask<Shown>('PUT', at(id), { fields, version }),
	test: (id: string) => ask<ConnectionTestOutcome>('POST', `${at(id)}/test`),
	testSettings: (id: string, settings: Fields['settings']) =>
		ask<ConnectionTestOutcome>('POST', `${at(id)}/test-settings`, settings),
	copy: (id: string, environment: string, overwrite: boolean) =>
		ask<Shown>('POST', `${at(id)}/copy`, { environment, overwrite }),
	remove: (id: string) => ask<void>('DELETE', at(id)),
	restore: (id: string) => ask<void>('POST', `${at(id)}/restore`),
	history: (id: string) => ask<Page<DestinationVersion>>('GET', `${at(id)}/history`),
	revert: (id: string, version: number) => ask<Shown>('POST', `${at(id)}/revert`, { version }),
};
