import { randomBytes } from 'node:crypto';
import type { DestinationsClientOptions } from '../../src/client/client.ts';
import { createDestinationsClient, type DestinationsClient } from '../../src/index.ts';
import { metaPixel, posthog } from '../support/destinations.ts';
import { type Service, startService } from '../support/service.ts';

export function newKey(): string {
	return randomBytes(32).toString('hex');
}

/** A service whose settings are sealed with the key `old`, and the key that they are to be rotated to. */
export class SealedService {
	readonly service: Service;
	readonly old: string;
	/** `new` seals, both open. */
	readonly ring: string;
	readonly newOnly: string;
	readonly #clients: DestinationsClient[] = [];

	private constructor(service: Service, old: string) {
		this.service = service;
		this.old = old;
		this.newOnly = `new:${newKey()}`;
		this.ring = `${this.newOnly},${old}`;
	}

	static async open(): Promise<SealedService> {
		const old = `old:${newKey()}`;
		return new SealedService(await startService({ keys: old }), old);
	}

	async close(): Promise<void> {
		await this.#closeClients();
		await this.service.stop();
	}

	/** Removes every row, for the next test: a database of its own would take much longer. */
	async clear(): Promise<void> {
		await this.#closeClients();
		await this.tamper(
			`TRUNCATE organizations, users CASCADE; TRUNCATE destination_settings_history, destination_audit_log`,
		);
	}

	async #closeClients(): Promise<void> {
		await Promise.all(this.#clients.splice(0).map((client) => client.close()));
	}

	get connectionString(): string {
		return this.service.connectionString;
	}

	connect(options: Partial<DestinationsClientOptions>): DestinationsClient {
		const client = createDestinationsClient({
			connectionString: this.connectionString,
			...options,
		});
		this.#clients.push(client);
		return client;
	}

	/** An organization with a live destination, a deleted one, and one whose settings were replaced. */
	async fill() {
		const organizationId = await this.service.createOrganization();
		const { destinations } = this.service.db.forOrganization(organizationId);
		const live = await destinations.create(posthog(organizationId));
		const deleted = await destinations.create({
			...posthog(organizationId),
			environment: 'staging',
		});
		await destinations.softDelete(deleted.id);
		const edited = await destinations.create(metaPixel(organizationId));
		await destinations.update(edited.id, {
			settings: { ...metaPixel(organizationId).settings, pixelId: '9999999999' },
		});
		return { organizationId, live: live.id, deleted: deleted.id, edited: edited.id };
	}

	/** Key ids of all stored settings, in both tables. */
	async keyIds(): Promise<string[]> {
		const { rows } = await this.service.admin.query(
			`SELECT settings ->> 'kid' AS kid FROM destinations
			 UNION ALL SELECT settings ->> 'kid' FROM destination_settings_history ORDER BY kid`,
		);
		return rows.map(({ kid }) => kid);
	}

	/** Everything that is stored. */
	async snapshot(): Promise<unknown[]> {
		const { rows } = await this.service.admin.query(
			`SELECT to_jsonb(d) AS row FROM destinations AS d
			 UNION ALL SELECT to_jsonb(h) FROM destination_settings_history AS h ORDER BY row`,
		);
		return rows;
	}

	/** Everything that is stored but the settings. */
	async untouched(): Promise<unknown[]> {
		const { rows } = await this.service.admin.query(
			`SELECT to_jsonb(d) - 'settings' AS row FROM destinations AS d
			 UNION ALL SELECT to_jsonb(h) - 'settings' FROM destination_settings_history AS h ORDER BY row`,
		);
		return rows;
	}

	/** Takes the constraints away that hold the form of settings, as in a database that somebody changed. */
	async dropConstraints(): Promise<void> {
		await this.service.admin.query(
			`ALTER TABLE destinations DROP CONSTRAINT destinations_valid_settings;
			 ALTER TABLE destination_settings_history DROP CONSTRAINT destination_settings_history_valid_key_id`,
		);
	}

	/** Stores something behind the client's back, past the triggers. */
	async tamper(sql: string, values: unknown[] = []): Promise<void> {
		const { admin } = this.service;
		await admin.query('SET session_replication_role = replica');
		try {
			await admin.query(sql, values);
		} finally {
			await admin.query('SET session_replication_role = DEFAULT');
		}
	}
}
