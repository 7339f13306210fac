import type { Keys } from '../../src/encryption/settings-encryption.ts';
import {
	createDestinationsClient,
	type DestinationsClient,
	RetryError,
	UnavailableError,
} from '../../src/index.ts';
import {
	type ExtendedClient,
	ExtendedDatabase,
	newKeys,
	posthogSettings,
	unusedId,
} from '../support/extended-client.ts';

/** A destination with two versions of settings, in an organization of its own. */
export interface Target {
	readonly id: string;
	readonly organizationId: string;
	/** Who made it, and changed it last. */
	readonly userId: string;
	/** What a new organization, user or destination may have for an id. */
	readonly newId: string;
}

/** The clients of a service whose keys, or whose row, are in trouble. */
export interface Troubled {
	readonly db: DestinationsClient;
	readonly extended: ExtendedClient;
	/** Brings trouble to a row, where it is not the keys that have it. */
	readonly trouble: (target: Target) => Promise<void>;
	/** The code of the error with which the target's settings do not open. */
	readonly code: string;
	/** Whether there is a key that seals. */
	readonly seals: boolean;
	/** Whether earlier settings open all the same. */
	readonly opensEarlier: boolean;
}

/** A provider of which no key is to be had. */
function providerThat(fails: () => Promise<never>): Keys {
	return { cacheSeconds: 0, timeoutSeconds: 0.02, primaryKeyId: fails, getKey: fails };
}

const troubles = {
	'the ring lacks the key': { code: 'UNKNOWN_KEY', seals: true, keys: () => newKeys('other') },
	'the provider is away': {
		code: 'KEY_UNAVAILABLE',
		seals: false,
		keys: () => providerThat(() => Promise.reject(new Error('away'))),
	},
	'the provider does not answer': {
		code: 'KEY_UNAVAILABLE',
		seals: false,
		keys: () => providerThat(() => new Promise(() => {})),
	},
	"the provider's database is away": {
		code: 'KEY_UNAVAILABLE',
		seals: false,
		keys: () => providerThat(() => Promise.reject(new UnavailableError('away'))),
	},
	"the provider's database is busy": {
		code: 'KEY_UNAVAILABLE',
		seals: false,
		keys: () => providerThat(() => Promise.reject(new RetryError('busy'))),
	},
	'the row is tampered': { code: 'DECRYPTION_FAILED', seals: true, keys: (own: string) => own },
} as const;

export type Trouble = keyof typeof troubles;
// `Object.keys` gives strings; these are exactly the keys above.
export const allTroubles = Object.keys(troubles) as Trouble[];

export function codeOf(trouble: Trouble): string {
	return troubles[trouble].code;
}

/** A database with clients in each trouble. */
export class TroubledDatabase {
	readonly db: ExtendedDatabase;
	readonly #clients: DestinationsClient[] = [];

	private constructor(db: ExtendedDatabase) {
		this.db = db;
	}

	static async open(): Promise<TroubledDatabase> {
		return new TroubledDatabase(await ExtendedDatabase.open());
	}

	/** Clients in a trouble. */
	clientsIn(trouble: Trouble): Troubled {
		const { code, seals, keys } = troubles[trouble];
		const own = keys(this.db.keys);
		return {
			code,
			seals,
			opensEarlier: own === this.db.keys,
			db: this.serviceWith(own),
			extended: this.db.connect(own),
			trouble: async ({ id }) => {
				if (trouble === 'the row is tampered') await this.tamper(id);
			},
		};
	}

	/** A client that is closed with the database. */
	serviceWith(keys: Keys): DestinationsClient {
		const { connectionString } = this.db;
		const opened = createDestinationsClient({ connectionString, keys, pool: { max: 2 } });
		this.#clients.push(opened);
		return opened;
	}

	tamper(id: string): Promise<void> {
		return this.db.tamper(id, `settings = jsonb_set(settings, '{ct}', '"${'A'.repeat(80)}"')`);
	}

	async newTarget(): Promise<Target> {
		const userId = await this.db.newUser();
		const { id, organizationId } = await this.db.newDestination({ createdBy: userId });
		const data = { settings: posthogSettings(), updatedBy: userId };
		await this.db.prisma.destination.update({ where: { id }, data });
		return { id, organizationId, userId, newId: unusedId() };
	}

	/** All that is stored of the target's organization and user, and of what has the new id. */
	async stateOf({ organizationId, userId, newId }: Target): Promise<string> {
		const tables = {
			organizations: 'id',
			users: 'id',
			destinations: 'organization_id',
			destination_audit_log: 'organization_id',
			destination_settings_history: 'organization_id',
		};
		const rows = await this.db.sql(
			Object.entries(tables)
				.map(([table, id]) => `SELECT to_jsonb(t) AS row FROM ${table} AS t WHERE ${id} = ANY($1)`)
				.join(' UNION ALL ')
				.concat(' ORDER BY row'),
			[[organizationId, userId, newId]],
		);
		return JSON.stringify(rows);
	}

	async close(): Promise<void> {
		await Promise.all(this.#clients.map((client) => client.close()));
		await this.db.close();
	}
}
