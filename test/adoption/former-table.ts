import { createCipheriv, randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { withLogin } from '../../src/testing/databases.ts';
import { HostDatabase } from '../database/migrations.ts';
import { samples } from '../destinations/support/samples.ts';
import { newName } from '../packaging/migrating.ts';
import { newKeys } from '../support/extended-client.ts';
import { formerSql } from './former-sql.ts';

const formerTypes = Object.keys(samples) as (keyof typeof samples)[]; // its own keys
const environments = ['development', 'staging', 'production'];

/** How a row of before holds its settings. */
export type Form = 'plaintext' | 'sealed';

/** The ticket's `encrypt`, repaired where Node refuses it. */
export function sealFormerly(settings: unknown, key: string) {
	const iv = randomBytes(16);
	const cipher = createCipheriv('aes-256-gcm', Buffer.from(key, 'hex'), iv);
	cipher.setAAD(Buffer.from('destinations-settings'));
	const encrypted = cipher.update(JSON.stringify(settings), 'utf8', 'hex') + cipher.final('hex');
	return { encrypted, iv: iv.toString('hex'), tag: cipher.getAuthTag().toString('hex') };
}

/** A database in which somebody ran the ticket's SQL two months ago. */
export class FormerDatabase {
	readonly host: HostDatabase;
	readonly keys = newKeys();
	readonly formerKey = randomBytes(32).toString('hex');

	/** The login that owns the table. */
	readonly owner: string;

	private constructor(host: HostDatabase, owner: string) {
		this.host = host;
		this.owner = owner;
	}

	/** @param count rows, of which an organization has 18 at most. */
	static async open({
		count = 0,
		form = 'plaintext' as Form,
		setup = '',
	} = {}): Promise<FormerDatabase> {
		const host = await HostDatabase.open();
		// The application's own login, which owns what it made and is no superuser.
		const owner = await host.createRole(newName(), `LOGIN PASSWORD 'p'`);
		await host.client.query(`GRANT CREATE ON SCHEMA public TO ${owner};
			DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO ${owner}', current_database()); END $$`);
		const former = new FormerDatabase(host, owner);
		await host.as(owner, () => host.client.query(`${formerSql} ${setup}`));
		if (count > 0) await former.insert(count, form);
		return former;
	}

	get client(): Client {
		return this.host.client;
	}

	/** URL of the database with the login that owns the table. */
	get url(): string {
		return withLogin(this.host.connectionString, this.owner, 'p');
	}

	get environment(): Record<string, string> {
		return {
			DATABASE_URL: this.url,
			DESTINATIONS_ENCRYPTION_KEYS: this.keys,
			DESTINATIONS_FORMER_KEY: this.formerKey,
		};
	}

	/** Rows of each type and environment, a tenth of them deleted, every one two months old. */
	async insert(count: number, form: Form): Promise<void> {
		const rows = Array.from({ length: count }, (_, n) => {
			const type = formerTypes[n % formerTypes.length] ?? 'console';
			const settings = samples[type];
			return {
				owner: Math.floor(n / 18),
				type,
				environment: environments[Math.floor(n / formerTypes.length) % 3],
				settings: form === 'sealed' ? sealFormerly(settings, this.formerKey) : settings,
				deleted: n % 10 === 9,
			};
		});
		await this.client.query(
			`WITH rows AS (SELECT * FROM jsonb_to_recordset($1) AS r
				(owner integer, type text, environment text, settings jsonb, deleted boolean)),
			owners AS (
				INSERT INTO organizations (name) SELECT owner::text FROM rows GROUP BY owner RETURNING id, name),
			author AS (INSERT INTO users DEFAULT VALUES RETURNING id)
			INSERT INTO destinations (organization_id, type, name, environment, settings, deleted_at, created_at,
				updated_at, created_by, required_consent, connection_status)
			SELECT owners.id, type, 'row ' || owner, environment, settings,
				CASE WHEN deleted THEN now() - interval '1 day' END, now() - interval '2 months',
				now() - interval '2 months', author.id, '{marketing}', CASE WHEN owner % 2 = 0 THEN 'connected' END
			FROM rows JOIN owners ON owners.name = owner::text, author`,
			[JSON.stringify(rows)],
		);
	}

	async rows<Row extends object>(sql: string, values: unknown[] = []): Promise<Row[]> {
		return (await this.client.query(sql, values)).rows;
	}

	close(): Promise<void> {
		return this.host.close();
	}
}
