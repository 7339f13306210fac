import { ScopedPool } from '../../src/database/scoped-pool.ts';
import {
	createDestinationsClient,
	type DestinationsClient,
	EnvelopeKeyProvider,
	type ScopedClient,
} from '../../src/index.ts';
import type { Filled, FillKey, Sample } from './fill.ts';

/** Who works on a filled database: a service's client, and what the commands take. */
export class Actors implements AsyncDisposable {
	readonly connectionString: string;
	readonly filled: Filled;
	readonly db: DestinationsClient;
	/** The key that everything is sealed with, and with another before it, for a rotation. */
	readonly keys: { readonly current: string; readonly next: string };
	readonly dataKeys: EnvelopeKeyProvider;
	/** Where a loader's statements run. */
	readonly loader: ScopedPool;
	#turn = 0;

	constructor(connectionString: string, filled: Filled, key: FillKey) {
		const current = `${key.id}:${Buffer.from(key.bytes).toString('hex')}`;
		this.connectionString = connectionString;
		this.filled = filled;
		const next = `next:${'5a'.repeat(31)}5b`;
		this.keys = { current: `${current},${next}`, next: `${next},${current}` };
		this.db = createDestinationsClient({
			connectionString,
			keys: this.keys.current,
			plaintext: 'allow-read',
		});
		this.dataKeys = new EnvelopeKeyProvider({
			connectionString,
			wrap: async (bytes) => Uint8Array.from(bytes),
			unwrap: async (bytes) => Uint8Array.from(bytes),
			cacheSeconds: 0,
		});
		this.loader = new ScopedPool({ connectionString }, { namedStatements: true });
	}

	get service(): ScopedClient {
		return this.db.asService();
	}

	/** A small organization, another one each time, and its client. */
	small(): Sample & { readonly client: ScopedClient } {
		return this.#next(this.filled.small);
	}

	/** One of thousands of deleted destinations, and its client. */
	large(): Sample & { readonly client: ScopedClient } {
		return this.#next(this.filled.large);
	}

	async [Symbol.asyncDispose](): Promise<void> {
		await Promise.all([this.db.close(), this.dataKeys.close(), this.loader.close()]);
	}

	#next(samples: readonly Sample[]) {
		this.#turn += 1;
		const sample = samples[this.#turn % samples.length];
		if (sample === undefined) throw new Error('The database has no such organization');
		const { organizationId, userId: actorId } = sample;
		return { ...sample, client: this.db.forOrganization(organizationId, { actorId }) };
	}
}
